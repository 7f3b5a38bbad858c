-- read-product: one product. Called by ProductRows.read.
-- $1 id
SELECT id, name, description, price AS amount, currency, stock
FROM storefront.products
WHERE id = $1::text
