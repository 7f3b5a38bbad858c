-- hold-attempt: locks a job's row until the transaction ends. Called first in the transaction of an attempt, and to learn how
-- a commit ended.
-- $1 id
-- It waits for a transaction under way to end, then reads what stands.
SELECT state::text, attempt FROM millrace.job_rows WHERE id = $1::uuid FOR NO KEY UPDATE
