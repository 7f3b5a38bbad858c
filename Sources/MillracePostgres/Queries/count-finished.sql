-- count-finished: jobs that ended within the last hour and day, by queue. Called by PostgresLedger.finishedCounts.
SELECT
  queue,
  coalesce(sum(completed) FILTER (WHERE minute > now() - interval '1 hour'), 0)::bigint AS completed_hour,
  sum(completed)::bigint AS completed_day,
  coalesce(sum(dead) FILTER (WHERE minute > now() - interval '1 hour'), 0)::bigint AS dead_hour,
  sum(dead)::bigint AS dead_day
FROM millrace.finished_counts
WHERE minute > now() - interval '1 day'
GROUP BY queue
