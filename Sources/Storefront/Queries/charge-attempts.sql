-- charge-attempts: counts attempts, each unless it is over its limit. Called by AccountRows.charge, which rolls back
-- unless all were counted. Each attempt moves the time at which its key is clear by one interval; as many intervals
-- as may be tried at once fit between now and then.
-- arrays of one length, in the order of the keys: $1 keys  $2 interval of each (ms)  $3 how many may be tried at once
WITH wanted AS (
    SELECT tried.key, tried.milliseconds * interval '1 millisecond' AS cost, tried.burst
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) AS tried (key, milliseconds, burst)
)
INSERT INTO storefront.attempts AS known (key, clear_at)
SELECT key, now() + cost
FROM wanted
ORDER BY key
ON CONFLICT (key) DO UPDATE
SET clear_at = greatest(known.clear_at, now()) + (excluded.clear_at - now())
WHERE known.clear_at <= now()
    + (SELECT (wanted.burst - 1) * wanted.cost FROM wanted WHERE wanted.key = excluded.key)
RETURNING key
