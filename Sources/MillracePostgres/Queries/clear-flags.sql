-- clear-flags: takes the relay's flag off jobs that have been pushed. Called by PostgresLedger.clearFlags, ids in ascending order.
-- $1 ids
UPDATE millrace.job_rows AS job
SET flagged = false
FROM unnest($1::uuid[]) AS pushed (id)
WHERE job.id BETWEEN pushed.id AND pushed.id AND job.flagged
