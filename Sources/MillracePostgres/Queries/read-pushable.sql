-- read-pushable: what is pushed of jobs that have not ended, in the order of their ids' array (pushable).
-- $1 ids  $2 bytes of payloads: the job that reaches them is the last
--
-- It goes from one id to the next, so that no payload is looked at behind the last one that is returned: to know the
-- length of a compressed one is to unpack it.
WITH RECURSIVE page AS (
  SELECT 0 AS place, 0::bigint AS bytes
  UNION ALL
  SELECT page.place + 1, page.bytes + coalesce((
    SELECT octet_length(job.payload::text)
    FROM millrace.job_rows AS job
    WHERE job.id BETWEEN ($1::uuid[])[page.place + 1] AND ($1::uuid[])[page.place + 1] AND job.state < 'completed'
  ), 0)
  FROM page
  WHERE page.place < cardinality($1::uuid[]) AND page.bytes < $2::bigint
)
SELECT
  job.id, job.queue, job.kind, job.priority, job.due_at, job.expires_at, job.timeout_ms, job.max_attempts, job.trace,
  job.payload, job.token, now(), job.xmin::text::bigint, job.suspect
FROM page
JOIN millrace.job_rows AS job ON job.id BETWEEN ($1::uuid[])[page.place] AND ($1::uuid[])[page.place]
WHERE job.state < 'completed'
ORDER BY page.place
