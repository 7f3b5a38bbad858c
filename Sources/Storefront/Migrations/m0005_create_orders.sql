-- m0005_create_orders: what is for sale, and who has ordered it. Amounts are whole minor units of their currency.

-- Rows come in by SQL. One that was ordered is never deleted: what is no longer sold has a stock of 0.
CREATE TABLE storefront.products (
    id          text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,63}$'),   -- chosen by people
    name        text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 200),
    description text NOT NULL DEFAULT '' CHECK (octet_length(description) <= 10000),
    price       bigint NOT NULL CHECK (price BETWEEN 1 AND 999999999999),
    currency    text NOT NULL,
    stock       bigint NOT NULL,            -- without what is in pending and paid orders
    CONSTRAINT products_never_oversold CHECK (stock >= 0),
    CHECK (stock <= 1000000000000),         -- what is given back never overflows
    -- Those of Currency.swift: a row whose price cannot be told would break the page that it is on.
    CONSTRAINT products_currency_known CHECK (currency IN (
        'AED', 'AFN', 'ALL', 'AMD', 'ANG', 'AOA', 'ARS', 'AUD', 'AWG', 'AZN', 'BAM', 'BBD', 'BDT', 'BGN', 'BHD',
        'BIF', 'BMD', 'BND', 'BOB', 'BRL', 'BSD', 'BTN', 'BWP', 'BYN', 'BZD', 'CAD', 'CDF', 'CHF', 'CLP', 'CNY',
        'COP', 'CRC', 'CUP', 'CVE', 'CZK', 'DJF', 'DKK', 'DOP', 'DZD', 'EGP', 'ERN', 'ETB', 'EUR', 'FJD', 'FKP',
        'GBP', 'GEL', 'GHS', 'GIP', 'GMD', 'GNF', 'GTQ', 'GYD', 'HKD', 'HNL', 'HTG', 'HUF', 'IDR', 'ILS', 'INR',
        'IQD', 'IRR', 'ISK', 'JMD', 'JOD', 'JPY', 'KES', 'KGS', 'KHR', 'KMF', 'KPW', 'KRW', 'KWD', 'KYD', 'KZT',
        'LAK', 'LBP', 'LKR', 'LRD', 'LSL', 'LYD', 'MAD', 'MDL', 'MGA', 'MKD', 'MMK', 'MNT', 'MOP', 'MRU', 'MUR',
        'MVR', 'MWK', 'MXN', 'MYR', 'MZN', 'NAD', 'NGN', 'NIO', 'NOK', 'NPR', 'NZD', 'OMR', 'PAB', 'PEN', 'PGK',
        'PHP', 'PKR', 'PLN', 'PYG', 'QAR', 'RON', 'RSD', 'RUB', 'RWF', 'SAR', 'SBD', 'SCR', 'SDG', 'SEK', 'SGD',
        'SHP', 'SLE', 'SOS', 'SRD', 'SSP', 'STN', 'SVC', 'SYP', 'SZL', 'THB', 'TJS', 'TMT', 'TND', 'TOP', 'TRY',
        'TTD', 'TWD', 'TZS', 'UAH', 'UGX', 'USD', 'UYU', 'UZS', 'VED', 'VES', 'VND', 'VUV', 'WST', 'XAF', 'XCD',
        'XCG', 'XOF', 'XPF', 'YER', 'ZAR', 'ZMW', 'ZWG'))
);

CREATE TABLE storefront.orders (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES storefront.users,
    payment_id uuid NOT NULL UNIQUE REFERENCES storefront.payments,    -- of the order's total
    created_at timestamptz NOT NULL DEFAULT now(),
    state      text NOT NULL DEFAULT 'pending' CHECK (
        state IN ('pending', 'paid', 'declined', 'cancelled', 'abandoned')),
    ended_at   timestamptz,                 -- null while it is pending
    receipt_id uuid UNIQUE,                 -- the email.send job of a paid one
    CHECK ((ended_at IS NULL) = (state = 'pending')),
    CHECK ((receipt_id IS NOT NULL) = (state = 'paid'))
);
CREATE INDEX ON storefront.orders (user_id, id);
CREATE INDEX ON storefront.orders (id) WHERE state = 'pending';

-- Name and price are those of the moment of the order.
CREATE TABLE storefront.order_lines (
    order_id   uuid NOT NULL REFERENCES storefront.orders,
    product_id text COLLATE "C" NOT NULL REFERENCES storefront.products,
    name       text NOT NULL,
    price      bigint NOT NULL CHECK (price > 0),       -- of one
    quantity   bigint NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, product_id)
);
CREATE INDEX ON storefront.order_lines (product_id);

-- An order ends once: its stock is given back, or its receipt sent, by whoever ends it.
CREATE FUNCTION storefront.refuse_second_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'order % is % and stays so', OLD.id, OLD.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_end_once';
END $$;
CREATE TRIGGER orders_end_once BEFORE UPDATE OF state ON storefront.orders
    FOR EACH ROW WHEN (OLD.state <> 'pending') EXECUTE FUNCTION storefront.refuse_second_end();
