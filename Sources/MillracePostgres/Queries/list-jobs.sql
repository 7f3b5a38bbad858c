-- list-jobs: jobs with what is asked for, newest first, without what may be large (list).
-- $1 before this id  $2 queue  $3 kind  $4 state, as shown: null = any   $5 rows to read, $6 jobs to return at most
-- $7 queues that the caller may see, null = all
SELECT
  job.id, job.queue, job.kind, job.priority, job.state::text, job.attempt, job.failures, job.crashes,
  job.max_attempts, job.timeout_ms, job.tags, job.created_at, job.due_at, job.expires_at, job.started_at,
  job.finished_at, job.worker, now(), job.suspect
FROM (
  SELECT *
  FROM millrace.job_rows
  WHERE id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
  ORDER BY id DESC
  LIMIT $5::bigint
) AS job
WHERE ($2::text IS NULL OR job.queue = $2)
  AND ($7::text[] IS NULL OR job.queue = ANY ($7))
  AND ($3::text IS NULL OR job.kind = $3)
  AND ($4::text IS NULL OR $4 = CASE
    WHEN job.state NOT IN ('scheduled', 'ready') THEN job.state::text
    WHEN job.due_at > now() THEN 'scheduled'
    ELSE 'ready'
  END)
LIMIT $6::bigint
