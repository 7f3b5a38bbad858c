-- add-api-key: adds a key of the API; the very same one again changes nothing (addAPIKey).
-- $1 id  $2 name  $3 digest  $4 scopes  $5 queues, null = all  $6 requests a second, null = the default
-- $7 created, $8 expires, null = never   $9 keys that may be kept
-- Returns whether it is there now, and whether another key has the id.
WITH added AS (
  INSERT INTO millrace.api_keys
    (id, name, digest, scopes, queues, requests_per_second, created_at, expires_at)
  SELECT $1::text, $2::text, $3::bytea, $4::text[], $5::text[], $6::integer, $7::timestamptz, $8::timestamptz
  WHERE (SELECT count(*) FROM millrace.api_keys) < $9::bigint
  ON CONFLICT (id) DO NOTHING
  RETURNING id
)
SELECT
  EXISTS (SELECT FROM added) OR EXISTS (SELECT FROM millrace.api_keys WHERE id = $1 AND digest = $3),
  EXISTS (SELECT FROM millrace.api_keys WHERE id = $1 AND digest <> $3)
