-- blame-process: makes suspects of the jobs that ran in a process when it crashed; buries one that ran alone (blame).
-- $1 process  $2 it ran one job at a time  $3 error of a job that is buried, a JSON string  $4 the shard that counts
-- $5 ids that find-running found, ascending
-- Returns of each job id, queue, token and state. None of them runs in the process after that, so it is blamed once.
WITH found AS MATERIALIZED (
  SELECT job.id
  FROM unnest($5::uuid[]) AS ran (id)
  JOIN millrace.job_rows AS job ON job.id BETWEEN ran.id AND ran.id
  WHERE job.state = 'running' AND job.worker = $1::bigint
  FOR NO KEY UPDATE OF job
), verdict AS MATERIALIZED (
  SELECT $2::boolean AND count(*) = 1 AS is_certain FROM found
), blamed AS (
  UPDATE millrace.job_rows AS job
  SET crashes = job.crashes + 1,
    suspect = job.suspect OR NOT verdict.is_certain,
    state = CASE WHEN verdict.is_certain THEN 'dead' ELSE 'ready' END::millrace.job_state,
    finished_at = CASE WHEN verdict.is_certain THEN statement_timestamp() END,
    flagged = false,
    errors = CASE
      WHEN verdict.is_certain THEN millrace.add_error(job.errors, job.attempt, $3::json)
      ELSE job.errors
    END
  FROM found
  CROSS JOIN verdict
  WHERE job.id BETWEEN found.id AND found.id
  RETURNING job.id, job.queue, job.token, job.state
), counted AS (
  INSERT INTO millrace.finished_counts AS total (minute, queue, shard, completed, dead)
  SELECT date_trunc('minute', statement_timestamp()), queue, $4::bigint, 0, count(*)
  FROM blamed
  WHERE state = 'dead'
  GROUP BY queue
  ON CONFLICT (minute, queue, shard) DO UPDATE SET dead = total.dead + excluded.dead
)
SELECT id, queue, token, state::text FROM blamed
