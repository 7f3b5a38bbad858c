-- set-pool: sets a pool's wished count, or forgets it (setPoolCount).
-- $1 name  $2 count, null = none
WITH forgotten AS (DELETE FROM millrace.pools WHERE name = $1::text AND $2::integer IS NULL)
INSERT INTO millrace.pools (name, count)
SELECT $1, $2 WHERE $2 IS NOT NULL
ON CONFLICT (name) DO UPDATE SET count = excluded.count
