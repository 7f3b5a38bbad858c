-- insert-jobs: writes new jobs; one whose id is there is left as it is. Called by JobWriter, ids in ascending order.
-- $1 id  $2 queue  $3 kind  $4 priority  $5 payload  $6 due  $7 expires  $8 time-out (ms)  $9 max attempts  $10 tags, as the
-- text of an array  $11 trace: arrays of one length; $6, $7, $10 and $11 with nulls   $12 true = the relay pushes them
INSERT INTO millrace.job_rows (
  id, created_at, due_at, expires_at, state, timeout_ms, max_attempts, priority, flagged, queue, kind, payload, tags, trace)
SELECT
  job.id, statement_timestamp(), greatest(job.due_at, statement_timestamp()), job.expires_at,
  CASE WHEN job.due_at > statement_timestamp() THEN 'scheduled'::millrace.job_state ELSE 'ready' END,
  job.timeout_ms, job.max_attempts, job.priority,
  -- Jobs due far ahead stay here until they come near.
  $12::boolean OR coalesce(job.due_at > statement_timestamp() + interval '10 minutes', false),
  job.queue, job.kind, job.payload, job.tags::text[], job.trace
FROM unnest(
  $1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::json[], $6::timestamptz[], $7::timestamptz[], $8::integer[],
  $9::integer[], $10::text[], $11::text[]
) AS job (id, queue, kind, priority, payload, due_at, expires_at, timeout_ms, max_attempts, tags, trace)
ON CONFLICT (id) DO NOTHING
