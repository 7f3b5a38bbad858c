-- insert-order: writes an order whose stock is taken and whose payment is written. Called by OrderRows.insert.
-- $1 id  $2 user's id  $3 payment's id
-- arrays of one length: $4 products  $5 their names  $6 their prices  $7 how many of each
WITH written AS (
    INSERT INTO storefront.orders (id, user_id, payment_id)
    VALUES ($1::uuid, $2::uuid, $3::uuid)
    RETURNING id
)
INSERT INTO storefront.order_lines (order_id, product_id, name, price, quantity)
SELECT written.id, line.product_id, line.name, line.price, line.quantity
FROM written
CROSS JOIN unnest($4::text[], $5::text[], $6::bigint[], $7::bigint[]) AS line (product_id, name, price, quantity)
