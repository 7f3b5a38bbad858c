-- find-horizon: where a listing has got to, and whether there is more (list).
-- $1 before this id, null = the newest  $2 rows to skip
SELECT id
FROM millrace.job_rows
WHERE id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY id DESC
OFFSET $2::bigint
LIMIT 2
