-- list-order-lines: what an order consists of. Called by OrderRows.lines.
-- $1 order's id
SELECT line.product_id AS id, line.name, line.price AS amount, payment.currency, line.quantity
FROM storefront.order_lines AS line
JOIN storefront.orders AS purchase ON purchase.id = line.order_id
JOIN storefront.payments AS payment ON payment.id = purchase.payment_id
WHERE line.order_id = $1::uuid
ORDER BY line.product_id
