-- store-photo: writes what was made of a photo. Called by PhotoRows.store, the photo's row being locked.
-- $1 id  $2 width  $3 height, both upright
-- variants, arrays of one length: $4 box  $5 width  $6 height  $7 bytes  $8 SHA-256
WITH stored AS (
    UPDATE storefront.photos
    SET stored_at = now(), width = $2::integer, height = $3::integer
    WHERE id = $1::uuid
    RETURNING id
)
INSERT INTO storefront.photo_variants (photo_id, box, width, height, bytes, digest)
SELECT stored.id, made.box, made.width, made.height, made.bytes, made.digest
FROM stored
CROSS JOIN unnest($4::integer[], $5::integer[], $6::integer[], $7::bigint[], $8::bytea[])
    AS made (box, width, height, bytes, digest)
