-- drain-claims: waits for the claims that began before a queue was paused. Called by PostgresLedger.setPaused.
-- $1 name
SELECT paused FROM millrace.queues WHERE name = $1::text FOR UPDATE
