-- read-jobs: jobs by their ids, in the columns of list-jobs and then what may be large; of steps without their results (jobs).
-- $1 ids
SELECT
  job.id, job.queue, job.kind, job.priority, job.state::text, job.attempt, job.failures, job.crashes,
  job.max_attempts, job.timeout_ms, job.tags, job.created_at, job.due_at, job.expires_at, job.started_at,
  job.finished_at, job.worker, now(), job.suspect,
  job.payload, job.result, array_to_json(job.errors),
  (
    SELECT json_agg(
      json_build_object(
        'name', step.name, 'attempt', step.attempt, 'at', (extract(epoch FROM step.at) * 1000000)::bigint,
        'bytes', octet_length(step.result::text))
      ORDER BY step.number)
    FROM unnest(job.steps) WITH ORDINALITY AS step (name, attempt, at, result, number)
  )
FROM unnest($1::uuid[]) AS wanted (id)
JOIN millrace.job_rows AS job ON job.id BETWEEN wanted.id AND wanted.id
