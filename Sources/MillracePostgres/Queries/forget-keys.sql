-- forget-keys: deletes idempotency keys and counts that are past their time (maintain).
-- $1 how long keys are kept (ms)  $2 how many at most
WITH counts AS (
  DELETE FROM millrace.finished_counts WHERE minute < now() - interval '25 hours'
)
DELETE FROM millrace.idempotency
WHERE (scope, key) IN (
  SELECT scope, key
  FROM millrace.idempotency
  WHERE created_at < now() - $1::bigint * interval '1 millisecond'
  ORDER BY created_at
  LIMIT $2::bigint
  FOR UPDATE SKIP LOCKED
)
