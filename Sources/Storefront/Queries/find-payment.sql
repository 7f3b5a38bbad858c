-- find-payment: the payment that the gateway calls so. Called by PaymentRows.find.
-- $1 the gateway's name
SELECT id, state, revision
FROM storefront.payments
WHERE intent = $1::text
