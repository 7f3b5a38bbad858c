-- m0003_create_jobs_view: what people and tools read; the columns here are kept from release to release.

CREATE VIEW millrace.jobs AS
SELECT
  id, queue, kind,
  -- The ledger does not hear of promotion.
  CASE
    WHEN state IN ('scheduled', 'ready') THEN CASE WHEN due_at > now() THEN 'scheduled' ELSE 'ready' END
    ELSE state::text
  END AS state,
  attempt, failures, crashes, max_attempts,
  (ARRAY['critical', 'high', 'normal', 'low'])[priority + 1] AS priority,
  payload, result,
  coalesce(array_to_json(errors), '[]') AS errors,
  created_at, due_at, expires_at, started_at, finished_at,
  timeout_ms * interval '1 millisecond' AS timeout,
  coalesce(tags, '{}') AS tags,
  trace,
  CASE WHEN worker IS NOT NULL THEN lpad(to_hex(worker), 16, '0') END AS worker
FROM millrace.job_rows;
