-- change-payment: writes how a payment stands. Called by PaymentRows.change, the payment's row being locked.
-- $1 id  $2 state  $3 code or null  $4 client secret or null
UPDATE storefront.payments
SET state = $2::text, code = $3::text, client_secret = $4::text, revision = revision + 1,
    settled_at = CASE WHEN $2::text IN ('succeeded', 'declined') THEN now() END
WHERE id = $1::uuid
