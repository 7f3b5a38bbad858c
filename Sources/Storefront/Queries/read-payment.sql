-- read-payment: all that is shown of a payment but its refunds. Called by PaymentRows.read.
-- $1 id
SELECT job_id, created_at, settled_at, amount, currency, state, code, intent, client_secret
FROM storefront.payments
WHERE id = $1::uuid
