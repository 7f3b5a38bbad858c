-- insert-keys: writes idempotency keys that are new or past their time; returns those that it wrote (accept).
-- $1 scope  $2 key  $3 request digest  $4 answer: arrays, distinct and sorted   $5 how long keys are kept (ms)
INSERT INTO millrace.idempotency AS known (scope, key, request_digest, answer)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[])
ON CONFLICT (scope, key) DO UPDATE
SET request_digest = excluded.request_digest, answer = excluded.answer, created_at = excluded.created_at
WHERE known.created_at < now() - $5::bigint * interval '1 millisecond'
RETURNING scope, key
