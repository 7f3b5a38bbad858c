-- list-products: a page of the catalogue. Called by ProductRows.list.
-- $1 id of the last product of the page before, null = the first page  $2 how many
SELECT id, name, description, price AS amount, currency, stock
FROM storefront.products
WHERE $1::text IS NULL OR id > $1::text
ORDER BY id
LIMIT $2::bigint
