-- list-unfinished: unflagged rows that have not ended, by queue and then by id, in the columns of list-flagged (unfinished).
-- $1, $2 after this queue and id, or nulls  $3 not younger than, $4 younger than (ms)  $5 queue, or null = all
-- $6 how many at most
--
-- It leaps from one queue to the next in the index job_rows_unflagged, and reads of each no more rows than it returns, nor any
-- that wait for the relay. Nothing has to be sorted: queues come in order, and of each its rows.
WITH RECURSIVE place AS (
  (
    SELECT queue FROM millrace.job_rows
    WHERE finished_at IS NULL AND NOT flagged AND queue >= coalesce($5::text, $1::text, '')
    ORDER BY queue
    LIMIT 1
  )
  UNION ALL
  SELECT next.queue
  FROM place
  CROSS JOIN LATERAL (
    SELECT job.queue
    FROM millrace.job_rows AS job
    WHERE job.finished_at IS NULL AND NOT job.flagged AND job.queue > place.queue
    ORDER BY job.queue
    LIMIT 1
  ) AS next
  WHERE $5 IS NULL
)
SELECT job.id, job.queue, job.token, job.running, job.priority
FROM place
CROSS JOIN LATERAL (
  SELECT id, queue, token, state = 'running' AS running, priority
  FROM millrace.job_rows
  WHERE finished_at IS NULL
    AND NOT flagged
    AND queue = place.queue
    AND id > greatest(
      CASE WHEN place.queue = $1 THEN $2::uuid END, millrace.least_id(now() - $4::bigint * interval '1 millisecond'))
    AND id < millrace.least_id(now() - $3::bigint * interval '1 millisecond')
  ORDER BY id
  LIMIT $6::bigint
) AS job
WHERE $5 IS NULL OR place.queue = $5
LIMIT $6
