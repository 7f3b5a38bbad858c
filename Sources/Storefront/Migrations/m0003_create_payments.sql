-- m0003_create_payments: payments, refunds, and the books kept of both. Amounts are whole minor units of their currency.

CREATE TABLE storefront.payments (
    id             uuid PRIMARY KEY,
    job_id         uuid NOT NULL,           -- its payments.charge job
    created_at     timestamptz NOT NULL DEFAULT now(),
    amount         bigint NOT NULL CHECK (amount > 0),
    currency       text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    payment_method text NOT NULL,           -- the gateway's token, never a card's number
    state          text NOT NULL DEFAULT 'pending' CHECK (
        state IN ('pending', 'requires_action', 'processing', 'succeeded', 'declined', 'needs_review')),
    code           text,                    -- why it was declined, or is to be reviewed
    revision       bigint NOT NULL DEFAULT 0,   -- counts the changes of its state
    settled_at     timestamptz,
    asked_at       timestamptz,             -- when the gateway was first asked; null: it has never heard of this payment
    intent         text UNIQUE CHECK (intent IS NULL OR asked_at IS NOT NULL),    -- its name at the gateway; no other is confirmed
    client_secret  text CHECK (client_secret IS NULL OR state = 'requires_action')
);

-- Money that was taken.
CREATE TABLE storefront.charges (
    payment_id uuid PRIMARY KEY REFERENCES storefront.payments,
    amount     bigint NOT NULL CHECK (amount > 0),
    currency   text NOT NULL,
    charged_at timestamptz NOT NULL DEFAULT now(),
    refunding  bigint NOT NULL DEFAULT 0,   -- of all its refunds that have not failed; kept by count_refund alone
    CONSTRAINT refunds_within_charge CHECK (refunding BETWEEN 0 AND amount)
);

CREATE TABLE storefront.refunds (
    id         uuid PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES storefront.charges,
    job_id     uuid NOT NULL,               -- its payments.refund job
    created_at timestamptz NOT NULL DEFAULT now(),
    amount     bigint NOT NULL,
    state      text NOT NULL DEFAULT 'pending' CHECK (
        state IN ('pending', 'processing', 'succeeded', 'failed', 'needs_review')),
    code       text,
    revision   bigint NOT NULL DEFAULT 0,
    settled_at timestamptz,
    asked_at   timestamptz,
    gateway_id text UNIQUE,                 -- the gateway's name for it
    CONSTRAINT refunds_of_something CHECK (amount > 0)
);
CREATE INDEX ON storefront.refunds (payment_id, created_at);

-- A refund takes its part of the charge when it is written. Two that race come one by one, as both change the charge's row, and
-- the later one that would exceed it breaks refunds_within_charge.
CREATE FUNCTION storefront.count_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE storefront.charges
    SET refunding = refunding
        + CASE WHEN NEW.state = 'failed' THEN 0 ELSE NEW.amount END
        - CASE WHEN TG_OP = 'INSERT' THEN 0 WHEN OLD.state = 'failed' THEN 0 ELSE OLD.amount END
    WHERE payment_id = NEW.payment_id;
    RETURN NULL;
END $$;
CREATE TRIGGER refunds_are_counted AFTER INSERT OR UPDATE OF state, amount ON storefront.refunds
    FOR EACH ROW EXECUTE FUNCTION storefront.count_refund();

-- Double entry: for each movement of money as much is debited as credited.
CREATE TABLE storefront.entries (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES storefront.charges,
    refund_id  uuid REFERENCES storefront.refunds,      -- null: the charge itself
    booked_at  timestamptz NOT NULL DEFAULT now(),
    account    text NOT NULL CHECK (account IN ('gateway', 'sales', 'refunds')),
    currency   text NOT NULL,
    debit      bigint NOT NULL CHECK (debit >= 0),
    credit     bigint NOT NULL CHECK (credit >= 0),
    CHECK ((debit = 0) <> (credit = 0))
);
-- A movement is booked once, whatever happens.
CREATE UNIQUE INDEX entries_once ON storefront.entries (payment_id, coalesce(refund_id, payment_id), account);

CREATE FUNCTION storefront.expect_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM storefront.entries
        WHERE payment_id = NEW.payment_id AND refund_id IS NOT DISTINCT FROM NEW.refund_id
        GROUP BY currency
        HAVING sum(debit) <> sum(credit)
    ) THEN
        RAISE EXCEPTION 'debits and credits of payment % differ', NEW.payment_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_balance';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entries_balance AFTER INSERT ON storefront.entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION storefront.expect_balance();

CREATE FUNCTION storefront.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries are never changed: write others that make up for them'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_stay';
END $$;
CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON storefront.entries
    FOR EACH STATEMENT EXECUTE FUNCTION storefront.refuse_change();

-- Events of the gateway's webhook that were taken, each once.
CREATE TABLE storefront.gateway_events (
    id          text PRIMARY KEY,
    type        text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON storefront.gateway_events (received_at);
