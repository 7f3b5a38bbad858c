-- find-refund: how a refund stands. Called by RefundRows.find.
-- $1 id
SELECT id, state, revision
FROM storefront.refunds
WHERE id = $1::uuid
