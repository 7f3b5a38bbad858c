-- list-doomed: those of some blobs that may be deleted at any moment. Called by BlobLock under a lock on each, as a statement of
-- its own, so that it sees what was committed before the lock was given.
-- $1 digests, $2 for how long still, at least (ms)
SELECT doomed.digest
FROM unnest($1::bytea[]) AS wanted (digest)
JOIN storefront.doomed_blobs AS doomed ON doomed.digest = wanted.digest
WHERE doomed.doomed_until > clock_timestamp() + $2 * interval '1 millisecond'
