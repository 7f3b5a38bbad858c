-- drain-claims: waits for the claims that began before a queue was paused (setPaused).
-- $1 name
SELECT FROM millrace.queues WHERE name = $1::text FOR UPDATE
