-- find-free: which of these jobs nobody holds (claim, when a row was held for too long).
-- $1 ids
SELECT job.id
FROM unnest($1::uuid[]) AS wanted (id)
JOIN millrace.job_rows AS job ON job.id BETWEEN wanted.id AND wanted.id
FOR NO KEY UPDATE OF job SKIP LOCKED
