-- list-unfinished: unflagged rows that have not ended, by id, in the columns of list-flagged (unfinished).
-- $1 after this id, or null  $2 not younger than, $3 younger than (ms)  $4 queue, or null  $5 how many at most
SELECT id, queue, token, state = 'running', priority
FROM millrace.job_rows
WHERE finished_at IS NULL
  AND NOT flagged
  AND id > greatest($1::uuid, millrace.least_id(now() - $3::bigint * interval '1 millisecond'))
  AND id < millrace.least_id(now() - $2::bigint * interval '1 millisecond')
  AND ($4::text IS NULL OR queue = $4)
ORDER BY id
LIMIT $5::bigint
