-- change-refund: writes how a refund stands. Called by RefundRows.change, the refund's row being locked.
-- $1 id  $2 state  $3 code or null  $4 the gateway's name for it, or null to leave it
UPDATE storefront.refunds
SET state = $2::text, code = $3::text, gateway_id = coalesce($4::text, gateway_id), revision = revision + 1,
    settled_at = CASE WHEN $2::text IN ('succeeded', 'failed') THEN now() END
WHERE id = $1::uuid
