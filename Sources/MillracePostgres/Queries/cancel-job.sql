-- cancel-job: cancels a job that has not ended (cancel).
-- $1 id   Returns what was before.
WITH found AS MATERIALIZED (
  SELECT id, state, queue, token FROM millrace.job_rows WHERE id = $1::uuid FOR NO KEY UPDATE
), cancelled AS (
  UPDATE millrace.job_rows AS job
  SET state = 'cancelled', finished_at = statement_timestamp(), flagged = false
  FROM found
  WHERE job.id BETWEEN found.id AND found.id AND found.state < 'completed'
)
SELECT state::text, queue, token FROM found
