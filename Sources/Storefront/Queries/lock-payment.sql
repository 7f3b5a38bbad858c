-- lock-payment: a payment's row, locked until the transaction ends. Called by PaymentRows.lock.
-- $1 id
SELECT id, amount, currency, state, revision
FROM storefront.payments
WHERE id = $1::uuid
FOR UPDATE
