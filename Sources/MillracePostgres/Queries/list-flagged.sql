-- list-flagged: rows that wait to be pushed and are due within ten minutes, by queue and priority. Called by PostgresLedger.flagged.
-- $1 how many at most; when there are more, each queue and priority gives its first ones
-- Returns the columns that UnfinishedJob is read from, as list-unfinished does.
--
-- The lanes that have any are found by leaping from one to the next in the index: it may also hold millions of rows that are
-- due much later.
WITH RECURSIVE lane AS (
  (
    SELECT queue, priority FROM millrace.job_rows WHERE flagged ORDER BY queue, priority LIMIT 1
  )
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
), waiting AS (
  SELECT job.*, row_number() OVER (PARTITION BY job.queue, job.priority ORDER BY job.due_at, job.id) AS place
  FROM lane
  CROSS JOIN LATERAL (
    SELECT *
    FROM millrace.job_rows
    WHERE flagged AND queue = lane.queue AND priority = lane.priority AND due_at <= now() + interval '10 minutes'
    ORDER BY due_at, id
    LIMIT $1::bigint
  ) AS job
), chosen AS (
  SELECT * FROM waiting ORDER BY place LIMIT $1::bigint
)
SELECT
  id, queue, kind, priority, due_at, expires_at, timeout_ms, max_attempts, trace, payload, token, state = 'running' AS running,
  now() AS now
FROM chosen
ORDER BY queue, priority, id
