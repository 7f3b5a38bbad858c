-- list-flagged: rows that wait to be pushed and are due within ten minutes; columns as list-unfinished (flagged).
-- $1 how many at most
--
-- Of more, each queue gives as many, as far as it has them: for each 256 of its highest priority 16 of the next and 1 of
-- the one after it, but the first of each lane. The oldest come first where there are more queues than rows.
--
-- The lanes that have any are found by leaping from one to the next in the index, which may also hold millions of rows
-- that are due much later. Of a few lanes each is read as far as a page could want it. Of many each is read as far as an
-- eighth of them could, and then only those that have more than that, so that a page costs no more than twenty.
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
), shared AS MATERIALIZED (
  SELECT queue, priority, greatest(least($1::bigint, 8 * $1 / count(*) OVER ()), 1) AS rows FROM lane
), sized AS MATERIALIZED (
  SELECT shared.*, shared.rows = (
    SELECT count(*)
    FROM (
      SELECT
      FROM millrace.job_rows AS job
      WHERE job.flagged AND job.queue = shared.queue AND job.priority = shared.priority
        AND job.due_at <= now() + interval '10 minutes'
      LIMIT CASE WHEN shared.rows < $1 THEN shared.rows ELSE 0 END
    ) AS known
  ) AS has_more
  FROM shared
), wanted AS MATERIALIZED (
  SELECT queue, priority,
    CASE WHEN has_more THEN greatest(rows, least($1, 8 * $1 / count(*) OVER (PARTITION BY has_more))) ELSE rows END AS rows
  FROM sized
), first AS (
  SELECT job.*, row_number() OVER (
    PARTITION BY job.queue ORDER BY (job.place - 1) * power(16, job.priority), job.priority
  ) AS turn
  FROM wanted
  CROSS JOIN LATERAL (
    SELECT
      id, queue, token, state = 'running' AS running, priority, due_at, row_number() OVER (ORDER BY due_at, id) AS place
    FROM millrace.job_rows
    WHERE flagged AND queue = wanted.queue AND priority = wanted.priority AND due_at <= now() + interval '10 minutes'
    ORDER BY due_at, id
    LIMIT wanted.rows
  ) AS job
), chosen AS (
  SELECT * FROM first ORDER BY turn, due_at, id LIMIT $1
)
SELECT id, queue, token, running, priority
FROM chosen
ORDER BY queue, priority, id
