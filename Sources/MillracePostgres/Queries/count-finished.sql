-- count-finished: jobs that completed and died within the last hour and day, by queue (finishedCounts).
SELECT
  queue,
  coalesce(sum(completed) FILTER (WHERE minute > now() - interval '1 hour'), 0)::bigint,
  sum(completed)::bigint,
  coalesce(sum(dead) FILTER (WHERE minute > now() - interval '1 hour'), 0)::bigint,
  sum(dead)::bigint
FROM millrace.finished_counts
WHERE minute > now() - interval '1 day'
GROUP BY queue
