-- find-unwanted: how a payment stands that the gateway knows, and whose order has ended without it. Called by
-- PaymentRows.findUnwanted.
-- $1 id
SELECT payment.id, payment.state, payment.revision, payment.intent
FROM storefront.payments AS payment
JOIN storefront.orders AS purchase ON purchase.payment_id = payment.id
WHERE payment.id = $1::uuid AND payment.intent IS NOT NULL AND purchase.state NOT IN ('pending', 'paid')
