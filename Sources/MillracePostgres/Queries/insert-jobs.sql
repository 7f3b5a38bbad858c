-- insert-jobs: writes new jobs; one whose id is there is left as it is (accept, transactions).
-- $1 id, ascending  $2 queue  $3 kind  $4 priority  $5 payload  $6 due  $7 expires  $8 time-out (ms)  $9 max attempts
-- $10 tags, as an array's text  $11 trace  $12 true = the relay is to push it: arrays; $6, $7, $10, $11 with nulls
INSERT INTO millrace.job_rows (
  id, created_at, due_at, expires_at, state, timeout_ms, max_attempts, priority, flagged, queue, kind, payload, tags,
  trace)
SELECT
  id, statement_timestamp(), greatest(due_at, statement_timestamp()), expires_at,
  CASE WHEN due_at > statement_timestamp() THEN 'scheduled'::millrace.job_state ELSE 'ready' END,
  timeout_ms, max_attempts, priority,
  flagged OR coalesce(due_at > statement_timestamp() + interval '10 minutes', false),
  queue, kind, payload, tags::text[], trace
FROM unnest(
  $1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::json[], $6::timestamptz[], $7::timestamptz[],
  $8::integer[], $9::integer[], $10::text[], $11::text[],
  $12::boolean[]
) AS job (id, queue, kind, priority, payload, due_at, expires_at, timeout_ms, max_attempts, tags, trace, flagged)
ON CONFLICT (id) DO NOTHING
