-- book-charge: writes a payment's charge and its entries: the gateway owes us the amount, which is a sale. Called by
-- PaymentRows.book, the payment's row being locked.
-- $1 id
WITH charge AS (
    INSERT INTO storefront.charges (payment_id, amount, currency)
    SELECT id, amount, currency FROM storefront.payments WHERE id = $1::uuid
    RETURNING payment_id, amount, currency
)
INSERT INTO storefront.entries (payment_id, account, currency, debit, credit)
SELECT charge.payment_id, line.account, charge.currency, line.debit * charge.amount, line.credit * charge.amount
FROM charge
CROSS JOIN (VALUES ('gateway', 1, 0), ('sales', 0, 1)) AS line (account, debit, credit)
