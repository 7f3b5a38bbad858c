-- flag-again: gives the relay's flag to jobs that are open and that nobody runs (flagAgain).
-- $1 id, ascending: an array   A flag that is set is written again: the row has another version then (clear-flags).
UPDATE millrace.job_rows AS job
SET flagged = true
FROM unnest($1::uuid[]) AS wanted (id)
WHERE job.id BETWEEN wanted.id AND wanted.id AND job.state < 'completed' AND job.state <> 'running'
