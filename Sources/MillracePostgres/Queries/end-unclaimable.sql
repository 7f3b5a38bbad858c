-- end-unclaimable: ends jobs that a claim found expired or out of attempts (claim).
-- $1 id, ascending  $2 attempt, as it was when the claim was refused: arrays
UPDATE millrace.job_rows AS job
SET state = CASE WHEN job.expires_at <= statement_timestamp() THEN 'cancelled' ELSE 'dead' END::millrace.job_state,
  finished_at = statement_timestamp(),
  flagged = false
FROM unnest($1::uuid[], $2::integer[]) AS refused (id, attempt)
WHERE job.id BETWEEN refused.id AND refused.id
  AND job.attempt = refused.attempt
  AND job.state < 'completed'
  AND (job.expires_at <= statement_timestamp() OR job.failures >= job.max_attempts)
RETURNING job.id, job.state::text
