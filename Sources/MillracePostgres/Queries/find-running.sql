-- find-running: rows that a process was running, out of the next unflagged unfinished ones (blame, until it returns no last row).
-- $1 process  $2, $3 after this queue and id  $4 rows to read at most
-- The last row of a full page comes too, whoever runs it: the next page begins there. (What runs has no flag.)
SELECT page.id, page.queue, page.found, page.place = $4::bigint
FROM (
  SELECT
    id, queue, state = 'running' AND (worker = $1::bigint) IS TRUE AS found,
    row_number() OVER (ORDER BY queue, id) AS place
  FROM millrace.job_rows
  WHERE finished_at IS NULL AND NOT flagged AND (queue, id) > ($2::text, $3::uuid)
  ORDER BY queue, id
  LIMIT $4
) AS page
WHERE page.found OR page.place = $4
