-- insert-photo: writes an uploaded photo. Called by PhotoRows.insert, in the transaction that submits its job.
-- $1 id  $2 job's id  $3 bytes of the original  $4 width  $5 height  $6 format  $7 SHA-256 of the original
-- $8 the user whose it is, null = nobody
INSERT INTO storefront.photos (id, job_id, original_bytes, width, height, format, original, owner)
VALUES ($1::uuid, $2::uuid, $3::bigint, $4::integer, $5::integer, $6::text, $7::bytea, $8::uuid)
