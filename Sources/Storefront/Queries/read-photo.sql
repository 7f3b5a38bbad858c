-- read-photo: a photo and the state of its job. Called by PhotoRows.read.
-- $1 id  $2 the user whose it must be, null = whosoever it is
-- The job is forgotten after some days; then the state is null.
SELECT
    photo.id, photo.job_id, photo.created_at, photo.stored_at, photo.format, photo.width, photo.height,
    photo.original_bytes, photo.original,
    (SELECT job.state FROM millrace.jobs AS job WHERE job.id = photo.job_id) AS state
FROM storefront.photos AS photo
WHERE photo.id = $1::uuid AND ($2::uuid IS NULL OR photo.owner = $2::uuid)
