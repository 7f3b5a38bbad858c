-- take-blob-lock: keeps a blob from being published, and referred to, until the transaction ends. Called by BlobLock
-- before it is deleted. The server must not end the session of a process that stalls in between: the lock would be gone, and the
-- process would delete what somebody has published since.
-- $1 the first eight bytes of its SHA-256
SELECT pg_advisory_xact_lock($1::bigint), set_config('idle_in_transaction_session_timeout', '0', true)
