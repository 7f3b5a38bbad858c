-- read-summaries: jobs by their ids, in the columns of list-jobs (summaries).
-- $1 ids
SELECT
  job.id, job.queue, job.kind, job.priority, job.state::text, job.attempt, job.failures, job.crashes,
  job.max_attempts, job.timeout_ms, job.tags, job.created_at, job.due_at, job.expires_at, job.started_at,
  job.finished_at, job.worker, now(), job.suspect
FROM unnest($1::uuid[]) AS wanted (id)
JOIN millrace.job_rows AS job ON job.id BETWEEN wanted.id AND wanted.id
