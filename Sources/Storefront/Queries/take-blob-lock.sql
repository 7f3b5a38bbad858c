-- take-blob-lock: keeps a blob from being published, and referred to, until the transaction ends. Called by BlobLock
-- before it is deleted.
-- $1 the first eight bytes of its SHA-256
SELECT pg_advisory_xact_lock($1::bigint)
