-- clear-flags: takes the relay's flag off jobs that have been pushed (clearFlags).
-- $1 ids, ascending   (A plain `flagged` would offer the planner a walk along that index.)
UPDATE millrace.job_rows AS job
SET flagged = false
FROM unnest($1::uuid[]) AS pushed (id)
WHERE job.id BETWEEN pushed.id AND pushed.id AND job.flagged IS DISTINCT FROM false
