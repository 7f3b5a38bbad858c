-- set-paused: pauses or resumes a queue. Called by PostgresLedger.setPaused.
-- $1 name  $2 paused
-- It does not wait for claims under way, which hold the row FOR KEY SHARE: drain-claims does.
INSERT INTO millrace.queues (name, paused)
VALUES ($1::text, $2::boolean)
ON CONFLICT (name) DO UPDATE SET paused = excluded.paused
