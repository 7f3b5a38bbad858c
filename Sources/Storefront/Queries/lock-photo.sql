-- lock-photo: a photo's row, locked until the transaction ends. Called by PhotoRows before it changes or deletes one.
-- $1 id  $2 the user whose it must be, null = whosoever it is
SELECT width, height, original, stored_at IS NOT NULL AS is_stored, (SELECT id FROM storefront.blob_stores) AS store
FROM storefront.photos
WHERE id = $1::uuid AND ($2::uuid IS NULL OR owner = $2::uuid)
FOR UPDATE OF photos
