-- lock-order: the order that a payment is for, locked until the transaction ends. Called by OrderRows.lock, the
-- payment's row being locked.
-- $1 payment's id
SELECT purchase.id, purchase.state, account.email
FROM storefront.orders AS purchase
JOIN storefront.users AS account ON account.id = purchase.user_id
WHERE purchase.payment_id = $1::uuid
FOR UPDATE OF purchase
