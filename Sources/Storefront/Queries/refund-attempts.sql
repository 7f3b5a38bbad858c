-- refund-attempts: takes attempts back that turned out well. Called by AccountRows.refund.
-- arrays of one length, in the order of the keys: $1 keys  $2 interval of each (ms)
UPDATE storefront.attempts AS known
SET clear_at = known.clear_at - tried.milliseconds * interval '1 millisecond'
FROM unnest($1::bytea[], $2::bigint[]) AS tried (key, milliseconds)
WHERE known.key = tried.key
