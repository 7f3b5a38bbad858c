-- blame-process: makes suspects of the jobs that ran in a process when it crashed; buries one that ran alone (blame).
-- $1 process  $2 it is one job, which ran alone  $3 its crash is certain  $4 error of its run, $5 error if that buries it: JSON
-- strings  $6 lone runs that bury, if the crash is not certain  $7 the shard that counts  $8 ids that ran, ascending
-- Returns of each job id, queue, token and state. None of them runs in the process after that, so it is blamed once.
WITH found AS MATERIALIZED (
  SELECT job.id, $2::boolean AND ($3::boolean OR job.lone_runs + 1 >= $6::integer) AS is_buried
  FROM unnest($8::uuid[]) AS ran (id)
  JOIN millrace.job_rows AS job ON job.id BETWEEN ran.id AND ran.id
  WHERE job.state = 'running' AND job.worker = $1::bigint
  FOR NO KEY UPDATE OF job
), blamed AS (
  UPDATE millrace.job_rows AS job
  SET crashes = job.crashes + 1,
    suspect = job.suspect OR NOT found.is_buried,
    lone_runs = job.lone_runs + $2::integer,
    state = CASE WHEN found.is_buried THEN 'dead' ELSE 'ready' END::millrace.job_state,
    finished_at = CASE WHEN found.is_buried THEN statement_timestamp() END,
    flagged = false,
    errors = CASE
      WHEN NOT $2 THEN job.errors
      WHEN found.is_buried THEN millrace.add_error(job.errors, job.attempt, $5::json)
      ELSE millrace.add_error(job.errors, job.attempt, $4::json)
    END
  FROM found
  WHERE job.id BETWEEN found.id AND found.id
  RETURNING job.id, job.queue, job.token, job.state
), counted AS (
  INSERT INTO millrace.finished_counts AS total (minute, queue, shard, completed, dead)
  SELECT date_trunc('minute', statement_timestamp()), queue, $7::bigint, 0, count(*)
  FROM blamed
  WHERE state = 'dead'
  GROUP BY queue
  ON CONFLICT (minute, queue, shard) DO UPDATE SET dead = total.dead + excluded.dead
)
SELECT id, queue, token, state::text FROM blamed
