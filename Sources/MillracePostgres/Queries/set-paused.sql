-- set-paused: pauses or resumes a queue; waits for no claim under way: they hold the row FOR KEY SHARE (setPaused).
-- $1 name  $2 paused
INSERT INTO millrace.queues (name, paused)
VALUES ($1::text, $2::boolean)
ON CONFLICT (name) DO UPDATE SET paused = excluded.paused
