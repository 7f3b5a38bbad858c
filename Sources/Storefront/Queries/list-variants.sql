-- list-variants: what was made of a photo, smallest first. Called by PhotoRows.read and before a photo is deleted.
-- $1 photo's id
SELECT box, width, height, bytes, digest
FROM storefront.photo_variants
WHERE photo_id = $1::uuid
ORDER BY box
