-- end-order: ends a pending order that comes to nothing, and gives its stock back: one statement, so that nobody can do
-- one without the other, nor either twice. Returns its payment, or nothing where it has ended before or its payment
-- stands otherwise. Called by OrderRows.end.
-- $1 id  $2 its state from here on  $3 how its payment may stand
-- The products are locked in the order of their ids, as take-stock does.
WITH ended AS (
    UPDATE storefront.orders AS purchase
    SET state = $2::text, ended_at = now()
    FROM storefront.payments AS payment
    WHERE purchase.id = $1::uuid AND purchase.state = 'pending'
        AND payment.id = purchase.payment_id AND payment.state = ANY ($3::text[])
    RETURNING purchase.id, purchase.payment_id
), shelf AS MATERIALIZED (
    SELECT product.id, line.quantity
    FROM ended
    JOIN storefront.order_lines AS line ON line.order_id = ended.id
    JOIN storefront.products AS product ON product.id = line.product_id
    ORDER BY product.id
    FOR NO KEY UPDATE OF product
), returned AS (
    UPDATE storefront.products AS product
    SET stock = product.stock + shelf.quantity
    FROM shelf
    WHERE product.id = shelf.id
)
SELECT payment_id
FROM ended
