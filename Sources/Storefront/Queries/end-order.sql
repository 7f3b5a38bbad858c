-- end-order: ends a pending order that comes to nothing, and gives its stock back: one statement, so that nobody can do
-- one without the other, nor either twice. Returns its payment, or nothing where it has ended before or its payment
-- stands otherwise. Called by OrderRows.end.
-- $1 id  $2 its state from here on  $3 how its payment may stand  $4 ms that it must have been there
-- The payment is locked first, as by everybody: whoever is changing it is waited for, and what counts is how it stands
-- then. Without its lock this would see how it stood before. A payment that is for people to decide and of which the
-- gateway has no intent cannot have been charged, whatever they find: it may end, too.
-- The products are locked in the order of their ids, as take-stock does. Nothing is lost by the largest stock that
-- there may be: above it nobody counts.
WITH payment AS MATERIALIZED (
    SELECT payment.id, payment.state, payment.intent
    FROM storefront.payments AS payment
    JOIN storefront.orders AS purchase ON purchase.payment_id = payment.id
    WHERE purchase.id = $1::uuid
    FOR NO KEY UPDATE OF payment
), ended AS (
    UPDATE storefront.orders AS purchase
    SET state = $2::text, ended_at = now()
    FROM payment
    WHERE purchase.id = $1::uuid AND purchase.state = 'pending' AND payment.id = purchase.payment_id
        AND payment.state = ANY ($3::text[]) AND (payment.state <> 'needs_review' OR payment.intent IS NULL)
        AND purchase.created_at <= now() - $4::bigint * interval '1 millisecond'
    RETURNING purchase.id, purchase.payment_id, payment.intent IS NOT NULL AS has_intent
), shelf AS MATERIALIZED (
    SELECT product.id, line.quantity
    FROM ended
    JOIN storefront.order_lines AS line ON line.order_id = ended.id
    JOIN storefront.products AS product ON product.id = line.product_id
    ORDER BY product.id
    FOR NO KEY UPDATE OF product
), returned AS (
    UPDATE storefront.products AS product
    SET stock = least(product.stock + shelf.quantity, 1000000000000)
    FROM shelf
    WHERE product.id = shelf.id
)
SELECT payment_id, has_intent
FROM ended
