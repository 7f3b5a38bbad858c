-- count-flagged: rows that wait to be pushed, by queue, and whether these are all (flaggedCounts).
-- $1 how many rows to count at most; all queues that have any share them alike, with a hundred each at least
WITH RECURSIVE place AS (
  (SELECT queue FROM millrace.job_rows WHERE flagged ORDER BY queue LIMIT 1)
  UNION ALL
  SELECT next.queue
  FROM place
  CROSS JOIN LATERAL (
    SELECT job.queue
    FROM millrace.job_rows AS job
    WHERE job.flagged AND job.queue > place.queue
    ORDER BY job.queue
    LIMIT 1
  ) AS next
), share AS MATERIALIZED (
  SELECT queue, greatest($1::bigint / count(*) OVER (), 100) AS rows FROM place
)
SELECT share.queue, least(counted.rows, share.rows), counted.rows <= share.rows
FROM share
CROSS JOIN LATERAL (
  SELECT count(*) AS rows
  FROM (SELECT FROM millrace.job_rows WHERE flagged AND queue = share.queue LIMIT share.rows + 1) AS known
) AS counted
