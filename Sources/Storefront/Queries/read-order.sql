-- read-order: an order of a user's, without its lines. Called by OrderRows.read.
-- $1 id  $2 user's id
SELECT payment_id, created_at, state, ended_at, receipt_id
FROM storefront.orders
WHERE id = $1::uuid AND user_id = $2::uuid
