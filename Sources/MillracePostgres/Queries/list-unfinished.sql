-- list-unfinished: unflagged rows that have not ended, by id. Called by PostgresLedger.unfinished.
-- $1 after this id, null = from the first  $2 not younger than (ms)  $3 younger than (ms)  $4 queue, null = all  $5 how many at most
-- Returns the columns that UnfinishedJob is read from, as list-flagged does.
SELECT
  id, queue, kind, priority, due_at, expires_at, timeout_ms, max_attempts, trace, payload, token, state = 'running' AS running,
  now() AS now
FROM millrace.job_rows
WHERE finished_at IS NULL
  AND NOT flagged
  AND id > greatest($1::uuid, millrace.least_id(now() - $3::bigint * interval '1 millisecond'))
  AND id < millrace.least_id(now() - $2::bigint * interval '1 millisecond')
  AND ($4::text IS NULL OR queue = $4)
ORDER BY id
LIMIT $5::bigint
