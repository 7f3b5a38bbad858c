-- blame-process: counts a trap against all jobs of a process, and takes it off them, so that it is blamed once (blame).
-- $1 process  $2 signal  $3 traps that bury a job  $4 the shard that counts   Returns those that it buried.
WITH suspect AS MATERIALIZED (
  SELECT id, traps + 1 AS traps
  FROM millrace.job_rows
  WHERE finished_at IS NULL AND state = 'running' AND worker = $1::bigint
  ORDER BY id
  FOR NO KEY UPDATE
), blamed AS (
  UPDATE millrace.job_rows AS job
  SET traps = suspect.traps,
    worker = NULL,
    state = CASE WHEN suspect.traps < $3::integer THEN job.state ELSE 'dead' END,
    finished_at = CASE WHEN suspect.traps >= $3 THEN statement_timestamp() END,
    flagged = job.flagged AND suspect.traps < $3,
    errors = CASE
      WHEN suspect.traps < $3 THEN job.errors
      ELSE millrace.add_error(job.errors, job.attempt, to_json(format(
        'was running in %s processes that died by a signal from within, the last by %s', suspect.traps, $2::text)))
    END
  FROM suspect
  WHERE job.id BETWEEN suspect.id AND suspect.id
  RETURNING job.id, job.queue, job.state
), counted AS (
  INSERT INTO millrace.finished_counts AS total (minute, queue, shard, completed, dead)
  SELECT date_trunc('minute', statement_timestamp()), queue, $4::bigint, 0, count(*)
  FROM blamed
  WHERE state = 'dead'
  GROUP BY queue
  ON CONFLICT (minute, queue, shard) DO UPDATE SET dead = total.dead + excluded.dead
)
SELECT id FROM blamed WHERE state = 'dead'
