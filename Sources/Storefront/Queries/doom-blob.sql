-- doom-blob: takes note that a blob is to be deleted. Returns no row while an earlier deletion of it may still happen: nobody
-- would know then which of them was answered. Called by BlobLock under take-blob-lock.
-- $1 digest, $2 for how long it may happen (ms)
INSERT INTO storefront.doomed_blobs (digest, doomed_until)
VALUES ($1, clock_timestamp() + $2 * interval '1 millisecond')
ON CONFLICT (digest) DO UPDATE
SET doomed_until = excluded.doomed_until
WHERE doomed_blobs.doomed_until <= clock_timestamp()
RETURNING digest
