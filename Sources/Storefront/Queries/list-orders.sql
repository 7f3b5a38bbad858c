-- list-orders: a page of a user's orders, the newest first. Called by OrderRows.list.
-- $1 user's id  $2 id of the last order of the page before, null = the first page  $3 how many
SELECT purchase.id, purchase.created_at, purchase.state, purchase.ended_at, payment.amount, payment.currency
FROM storefront.orders AS purchase
JOIN storefront.payments AS payment ON payment.id = purchase.payment_id
WHERE purchase.user_id = $1::uuid AND ($2::uuid IS NULL OR purchase.id < $2::uuid)
ORDER BY purchase.id DESC
LIMIT $3::bigint
