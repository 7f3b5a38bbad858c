-- expire-jobs: cancels jobs whose time to begin is over; one that runs is left alone (maintain, until it returns few).
-- $1 how many at most
WITH expired AS MATERIALIZED (
  SELECT id FROM millrace.job_rows
  WHERE finished_at IS NULL AND expires_at <= statement_timestamp() AND state <> 'running'
  ORDER BY id LIMIT $1::bigint
  FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE millrace.job_rows AS job
SET state = 'cancelled', finished_at = statement_timestamp(), flagged = false
FROM expired
WHERE job.id BETWEEN expired.id AND expired.id
