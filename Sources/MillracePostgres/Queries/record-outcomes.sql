-- record-outcomes: writes how attempts ended; the rules are JobLifecycle.record (record, transactions).
-- $1 id, ascending  $2 attempt  $3 completed, dead, retry, snooze or release  $4 delay (ms)  $5 result
-- $6 error, a JSON string: arrays; $4, $5, $6 with nulls   $7 the shard that counts
WITH recorded AS (
  UPDATE millrace.job_rows AS job
  SET state = CASE
      WHEN outcome.ending = 'completed' THEN 'completed'::millrace.job_state
      WHEN outcome.ending = 'dead' OR outcome.ending = 'retry' AND job.failures + 1 >= job.max_attempts THEN 'dead'
      WHEN outcome.delay_ms > 0 THEN 'scheduled'
      ELSE 'ready'
    END,
    suspect = job.suspect AND outcome.ending = 'release',
    lone_runs = CASE WHEN outcome.ending = 'release' THEN job.lone_runs ELSE 0 END,
    failures = job.failures + (outcome.error IS NOT NULL)::integer,
    due_at = CASE
      WHEN outcome.ending = 'snooze' OR outcome.ending = 'retry' AND job.failures + 1 < job.max_attempts
        THEN statement_timestamp() + outcome.delay_ms * interval '1 millisecond'
      ELSE job.due_at
    END,
    finished_at = CASE
      WHEN outcome.ending IN ('completed', 'dead') OR outcome.ending = 'retry' AND job.failures + 1 >= job.max_attempts
        THEN statement_timestamp()
    END,
    flagged = job.flagged AND outcome.ending NOT IN ('completed', 'dead')
      AND (outcome.ending <> 'retry' OR job.failures + 1 < job.max_attempts),
    result = outcome.result,
    errors = CASE
      WHEN outcome.error IS NULL THEN job.errors
      ELSE millrace.add_error(job.errors, job.attempt, outcome.error)
    END
  FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::bigint[], $5::json[], $6::json[])
    AS outcome (id, attempt, ending, delay_ms, result, error)
  WHERE job.id BETWEEN outcome.id AND outcome.id
    AND job.attempt = outcome.attempt
    AND job.state = 'running'
  RETURNING job.id, job.queue, job.state
), counted AS (
  INSERT INTO millrace.finished_counts AS total (minute, queue, shard, completed, dead)
  SELECT
    date_trunc('minute', statement_timestamp()), queue, $7::bigint,
    count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'dead')
  FROM recorded
  WHERE state IN ('completed', 'dead')
  GROUP BY queue
  ON CONFLICT (minute, queue, shard) DO UPDATE
  SET completed = total.completed + excluded.completed, dead = total.dead + excluded.dead
)
SELECT id, state::text FROM recorded
