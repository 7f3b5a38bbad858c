-- mark-suspects: makes suspects of running jobs whose claim found that their run was lost once too often (claim).
-- $1 id, ascending  $2 attempt, as it was when the claim was refused: arrays   $3 crashes that nobody is blamed for
UPDATE millrace.job_rows AS job
SET suspect = true
FROM unnest($1::uuid[], $2::integer[]) AS refused (id, attempt)
WHERE job.id BETWEEN refused.id AND refused.id
  AND job.attempt = refused.attempt
  AND job.state = 'running'
  AND job.crashes >= $3::integer
RETURNING job.id
