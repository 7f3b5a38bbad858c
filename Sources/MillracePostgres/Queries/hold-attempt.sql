-- hold-attempt: locks a job's row until the transaction ends, and reads what stands once others' have (transactions).
-- $1 id
SELECT state::text, attempt FROM millrace.job_rows WHERE id = $1::uuid FOR NO KEY UPDATE
