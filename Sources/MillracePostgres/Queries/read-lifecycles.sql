-- read-lifecycles: what the rules decide on (claim, record).
-- $1 ids
SELECT
  job.id, job.queue, job.state::text, job.attempt, job.failures, job.crashes, job.max_attempts, job.due_at,
  job.expires_at, job.token, queue.paused, clock_timestamp(), job.suspect
FROM unnest($1::uuid[]) AS wanted (id)
JOIN millrace.job_rows AS job ON job.id BETWEEN wanted.id AND wanted.id
LEFT JOIN millrace.queues AS queue ON queue.name = job.queue
