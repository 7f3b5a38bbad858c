-- share-blob-lock: keeps a blob from being deleted until the transaction ends. Called by BlobLock before it is
-- published.
-- $1 the first eight bytes of its SHA-256
SELECT pg_advisory_xact_lock_shared($1::bigint)
