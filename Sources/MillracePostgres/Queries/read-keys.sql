-- read-keys: what was answered to requests with these idempotency keys (accept).
-- $1 scope  $2 key: arrays
SELECT known.scope, known.key, known.request_digest, known.answer
FROM unnest($1::text[], $2::text[]) AS wanted (scope, key)
JOIN millrace.idempotency AS known USING (scope, key)
