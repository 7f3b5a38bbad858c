-- read-lifecycles: what the rules decide on. Called for jobs whose rows a claim or an outcome left as they were.
-- $1 ids
-- `paused` is null when the queue has no row.
SELECT
  job.id, job.queue, job.state::text, job.attempt, job.failures, job.crashes, job.max_attempts, job.due_at, job.expires_at,
  job.token, queue.paused, clock_timestamp() AS now
FROM unnest($1::uuid[]) AS wanted (id)
JOIN millrace.job_rows AS job ON job.id BETWEEN wanted.id AND wanted.id
LEFT JOIN millrace.queues AS queue ON queue.name = job.queue
