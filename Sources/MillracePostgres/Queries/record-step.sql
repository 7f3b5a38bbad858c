-- record-step: keeps what a step returned, under its attempt's fence; the rules are JobLifecycle.recordStep (recordStep).
-- $1 id  $2 attempt  $3 name  $4 result   Returns a row unless the attempt was fenced off.
UPDATE millrace.job_rows AS job
SET steps = CASE
  WHEN EXISTS (SELECT FROM unnest(job.steps) AS step WHERE step.name = $3::text) THEN job.steps
  ELSE job.steps || ROW($3, job.attempt, statement_timestamp(), $4::json)::millrace.step
END
WHERE job.id BETWEEN $1::uuid AND $1
  AND job.attempt = $2::integer
  AND job.state = 'running'
RETURNING job.id
