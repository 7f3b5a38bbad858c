-- adopt-jobs: writes rows of jobs that were accepted without one, as they stand or as their first attempt ended; one whose
-- id is there is left as it is (adopt, record, transactions).
-- $1 to $11 as of insert-jobs   $12 ready, running, cancelled, completed or dead  $13 attempt  $14 token  $15 process
-- $16 started  $17 result  $18 error, a JSON string: arrays; $14 to $18 with nulls   $19 the shard that counts
-- Returns the new rows. Times of other clocks are cut to this one's.
WITH adopted AS (
  INSERT INTO millrace.job_rows (
    id, created_at, due_at, expires_at, started_at, finished_at, worker, state, timeout_ms, attempt, failures,
    max_attempts, priority, flagged, queue, kind, token, payload, result, errors, tags, trace)
  SELECT
    id, created_at, greatest(due_at, created_at), expires_at,
    CASE WHEN started_at IS NOT NULL THEN least(started_at, statement_timestamp()) END,
    CASE WHEN state::millrace.job_state >= 'completed' THEN statement_timestamp() END,
    worker, state::millrace.job_state, timeout_ms, attempt, (error IS NOT NULL)::integer, max_attempts, priority, false,
    queue, kind, token, payload, result,
    CASE WHEN error IS NOT NULL THEN millrace.add_error(NULL, attempt, error) END, tags::text[], trace
  FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::json[], $6::timestamptz[], $7::timestamptz[],
    $8::integer[], $9::integer[], $10::text[], $11::text[], $12::text[], $13::integer[], $14::bytea[], $15::bigint[],
    $16::timestamptz[], $17::json[], $18::json[]
  ) AS job (
    id, queue, kind, priority, payload, due_at, expires_at, timeout_ms, max_attempts, tags, trace, state, attempt, token,
    worker, started_at, result, error)
  CROSS JOIN LATERAL (
    SELECT least(
      to_timestamp(('x' || substring(replace(id::text, '-', '') FOR 12))::bit(48)::bigint / 1000.0),
      statement_timestamp())
  ) AS made (created_at)
  ON CONFLICT (id) DO NOTHING
  RETURNING id, queue, state
), counted AS (
  INSERT INTO millrace.finished_counts AS total (minute, queue, shard, completed, dead)
  SELECT
    date_trunc('minute', statement_timestamp()), queue, $19::bigint,
    count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'dead')
  FROM adopted
  WHERE state IN ('completed', 'dead')
  GROUP BY queue
  ON CONFLICT (minute, queue, shard) DO UPDATE
  SET completed = total.completed + excluded.completed, dead = total.dead + excluded.dead
)
SELECT id, state::text FROM adopted
