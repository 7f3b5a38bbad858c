-- list-api-keys: all keys of the API, by id (apiKeys).
SELECT id, name, digest, scopes, queues, requests_per_second, created_at, expires_at, revoked_at
FROM millrace.api_keys
ORDER BY id
