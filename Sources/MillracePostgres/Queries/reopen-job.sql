-- reopen-job: opens a job that has ended; `attempt` and `token` stay, so that old holders are fenced off (reopen).
-- $1 id  $2 the shard that counts   Returns what was before.
WITH found AS MATERIALIZED (
  SELECT id, state, queue, due_at, finished_at FROM millrace.job_rows WHERE id = $1::uuid FOR NO KEY UPDATE
), reopened AS (
  UPDATE millrace.job_rows AS job
  SET state = 'ready', failures = 0, crashes = 0, suspect = false, lone_runs = 0, result = NULL,
    finished_at = NULL, expires_at = NULL, due_at = statement_timestamp(), flagged = true
  FROM found
  WHERE job.id BETWEEN found.id AND found.id AND found.state >= 'completed'
), counted AS (
  INSERT INTO millrace.finished_counts AS total (minute, queue, shard, completed, dead)
  SELECT
    date_trunc('minute', finished_at), queue, $2::bigint, -(state = 'completed')::integer, -(state = 'dead')::integer
  FROM found
  WHERE state IN ('completed', 'dead')
  ON CONFLICT (minute, queue, shard) DO UPDATE
  SET completed = total.completed + excluded.completed, dead = total.dead + excluded.dead
)
SELECT state::text, queue, due_at, clock_timestamp() FROM found
