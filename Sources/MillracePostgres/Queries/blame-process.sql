-- blame-process: counts a trap against every job that ran in a process which died by a signal from within. Called by
-- PostgresLedger.blame.
-- $1 process  $2 signal  $3 traps that bury a job  $4 the shard that counts
-- Returns the jobs that it buried. The process is taken off the rows, so that it is blamed once.
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
    state = CASE WHEN suspect.traps >= $3::integer THEN 'dead'::millrace.job_state ELSE job.state END,
    finished_at = CASE WHEN suspect.traps >= $3 THEN statement_timestamp() END,
    flagged = job.flagged AND suspect.traps < $3,
    errors = CASE
      WHEN suspect.traps < $3 THEN job.errors
      ELSE job.errors[:1] || job.errors[greatest(2, cardinality(job.errors) - 7):] || json_build_object(
        'attempt', job.attempt,
        'at', to_char(statement_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'error', format('was running in %s processes that died by a signal from within, the last by %s',
          suspect.traps, $2::text))
    END
  FROM suspect
  WHERE job.id BETWEEN suspect.id AND suspect.id
  RETURNING job.id, job.queue, job.state
), buried AS (
  SELECT id, queue FROM blamed WHERE state = 'dead'
), counted AS (
  INSERT INTO millrace.finished_counts AS total (minute, queue, shard, completed, dead)
  SELECT date_trunc('minute', statement_timestamp()), queue, $4::bigint, 0, count(*) FROM buried GROUP BY queue
  ON CONFLICT (minute, queue, shard) DO UPDATE SET dead = total.dead + excluded.dead
)
SELECT id FROM buried
