-- find-processing: how a payment stands that the gateway works on, and whether for too long. Called by
-- PaymentRows.findProcessing.
-- $1 id  $2 how long it may, in ms
SELECT id, state, revision, intent, asked_at < now() - $2::bigint * interval '1 millisecond' AS is_overdue
FROM storefront.payments
WHERE id = $1::uuid AND state = 'processing' AND intent IS NOT NULL
