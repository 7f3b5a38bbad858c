-- flag-again: gives the relay's flag to a job that is open and that nobody runs (flagAgain).
-- $1 id   A flag that is set is written again: the row has another version then (clear-flags).
UPDATE millrace.job_rows
SET flagged = true
WHERE id = $1::uuid AND finished_at IS NULL AND state <> 'running'
