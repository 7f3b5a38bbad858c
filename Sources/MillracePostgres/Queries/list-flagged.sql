-- list-flagged: rows that wait to be pushed and are due within ten minutes; columns as list-unfinished (flagged).
-- $1 how many at most; of more, each queue and priority gives its first ones
--
-- The lanes that have any are found by leaping from one to the next in the index, which may also hold millions of rows
-- that are due much later.
WITH RECURSIVE lane AS (
  (SELECT queue, priority FROM millrace.job_rows WHERE flagged ORDER BY queue, priority LIMIT 1)
  UNION ALL
  SELECT next.queue, next.priority
  FROM lane
  CROSS JOIN LATERAL (
    SELECT job.queue, job.priority
    FROM millrace.job_rows AS job
    WHERE job.flagged AND (job.queue, job.priority) > (lane.queue, lane.priority)
    ORDER BY job.queue, job.priority
    LIMIT 1
  ) AS next
), chosen AS (
  SELECT job.*
  FROM lane
  CROSS JOIN LATERAL (
    SELECT *, row_number() OVER (ORDER BY due_at, id) AS place
    FROM millrace.job_rows
    WHERE flagged AND queue = lane.queue AND priority = lane.priority AND due_at <= now() + interval '10 minutes'
    ORDER BY due_at, id
    LIMIT $1::bigint
  ) AS job
  ORDER BY job.place
  LIMIT $1::bigint
)
SELECT id, queue, token, state = 'running'
FROM chosen
ORDER BY queue, priority, id
