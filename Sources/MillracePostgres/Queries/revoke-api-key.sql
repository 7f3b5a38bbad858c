-- revoke-api-key: revokes a key of the API; the time of the first time stands (revokeAPIKey).
-- $1 id   Returns a row if there is such a key.
UPDATE millrace.api_keys
SET revoked_at = coalesce(revoked_at, statement_timestamp())
WHERE id = $1::text
RETURNING id
