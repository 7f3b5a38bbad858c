-- forget-api-keys: deletes keys of the API that ended long ago (maintain).
-- $1 how long they are kept after that (ms)
DELETE FROM millrace.api_keys
WHERE least(expires_at, revoked_at) <= now() - $1::bigint * interval '1 millisecond'
