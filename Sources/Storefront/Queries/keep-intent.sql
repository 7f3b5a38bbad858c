-- keep-intent: takes note of the gateway's name for a payment, which never changes again. Called by PaymentRows.keep.
-- $1 id  $2 the gateway's name
UPDATE storefront.payments
SET intent = $2::text
WHERE id = $1::uuid AND coalesce(intent, $2::text) = $2::text
