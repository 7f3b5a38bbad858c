-- claim-jobs: grants claims and issues attempt numbers; the rules are JobLifecycle.claim (claim).
-- $1 id, ascending  $2 token  $3 forced: arrays   $4 queues of these jobs   $5 the claiming process
-- $6 alone: array   $7 crashes after which a job whose run was lost is a suspect, which runs alone
--
-- What is claimed needs no push any more; one under way would be told `busy` until the job has ended.
-- A queue's row is locked, and read as it is after that, so that its pause can wait for claims that began before it.
-- `BETWEEN id AND id` is an equality that leaves the planner nothing but a look-up by the primary key for each element
-- in turn, whatever the statistics say: so all writers lock rows in one order, never in a circle. (With `finished_at IS
-- NULL` it could walk along all unfinished rows.)
WITH open AS MATERIALIZED (
  SELECT queue.name
  FROM unnest($4::text[]) AS wanted (name)
  JOIN millrace.queues AS queue ON queue.name = wanted.name
  WHERE NOT queue.paused
  FOR KEY SHARE OF queue
)
UPDATE millrace.job_rows AS job
SET state = 'running',
  attempt = job.attempt + 1,
  crashes = job.crashes + (job.state = 'running')::integer,
  suspect = job.suspect OR job.state = 'running' AND job.crashes >= $7::integer,
  token = request.token,
  worker = $5::bigint,
  flagged = false,
  started_at = statement_timestamp()
FROM unnest($1::uuid[], $2::bytea[], $3::boolean[], $6::boolean[]) AS request (id, token, forced, alone)
WHERE job.id BETWEEN request.id AND request.id
  AND job.state < 'completed'
  AND (job.state <> 'running' OR job.token IS DISTINCT FROM request.token)
  AND (job.token IS NULL OR job.token < request.token OR request.forced)
  AND job.queue = ANY (ARRAY(SELECT name FROM open))
  AND (job.expires_at IS NULL OR job.expires_at > statement_timestamp())
  AND job.failures < job.max_attempts
  AND (job.state = 'running' OR job.due_at <= statement_timestamp())
  AND (request.alone OR NOT (job.suspect OR job.state = 'running' AND job.crashes >= $7))
RETURNING job.id, job.attempt, job.failures, job.max_attempts
