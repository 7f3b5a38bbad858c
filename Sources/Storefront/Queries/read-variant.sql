-- read-variant: the blob of one variant. Called by PhotoRows.variant.
-- $1 photo's id  $2 box
SELECT bytes, digest
FROM storefront.photo_variants
WHERE photo_id = $1::uuid AND box = $2::integer
