-- read-steps: a job's steps, the oldest first (steps).
-- $1 id
SELECT step.name, step.attempt, step.at, step.result
FROM millrace.job_rows AS job, unnest(job.steps) WITH ORDINALITY AS step (name, attempt, at, result, number)
WHERE job.id = $1::uuid
ORDER BY step.number
