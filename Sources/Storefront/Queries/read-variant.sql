-- read-variant: the blob of one variant. Called by PhotoRows.variant.
-- $1 photo's id  $2 box  $3 the user whose it must be, null = whosoever it is
SELECT variant.bytes, variant.digest
FROM storefront.photo_variants AS variant
JOIN storefront.photos AS photo ON photo.id = variant.photo_id
WHERE variant.photo_id = $1::uuid AND variant.box = $2::integer AND ($3::uuid IS NULL OR photo.owner = $3::uuid)
