-- take-stock: takes products off the shelf, and says what they are and how many there were. Called by ProductRows.take.
-- arrays of one length: $1 products, each once  $2 how many of each
-- All rows are locked before one is changed, in the order of their ids, as whoever gives stock back does: two orders
-- never wait for each other in a circle. Of what there is too little nothing is taken; the caller sees it, and rolls
-- back.
WITH wanted AS (
    SELECT id, quantity
    FROM unnest($1::text[], $2::bigint[]) AS wanted (id, quantity)
), shelf AS MATERIALIZED (
    SELECT product.id, product.name, product.price, product.currency, product.stock, wanted.quantity
    FROM storefront.products AS product
    JOIN wanted ON wanted.id = product.id
    ORDER BY product.id
    FOR NO KEY UPDATE OF product
), taken AS (
    UPDATE storefront.products AS product
    SET stock = product.stock - shelf.quantity
    FROM shelf
    WHERE product.id = shelf.id AND shelf.stock >= shelf.quantity
)
SELECT id, name, price AS amount, currency, stock, quantity
FROM shelf
