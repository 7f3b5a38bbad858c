-- expire-jobs: cancels jobs whose time to begin is over; one that runs is left alone (expire).
-- $1 how many at most
-- In the order of their index: in that of ids, each page would read all that have expired. Nobody waits for a lock here, so no
-- two can wait for each other.
WITH expired AS MATERIALIZED (
  SELECT id FROM millrace.job_rows
  WHERE finished_at IS NULL AND expires_at <= statement_timestamp() AND state <> 'running'
  ORDER BY expires_at LIMIT $1::bigint
  FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE millrace.job_rows AS job
SET state = 'cancelled', finished_at = statement_timestamp(), flagged = false
FROM expired
WHERE job.id BETWEEN expired.id AND expired.id
RETURNING job.id, job.queue, job.token
