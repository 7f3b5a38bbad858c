-- m0007_mark_suspects: jobs that may have taken a process down, and run alone until one of their runs ends in order.
--
-- `traps` stays for processes of the release before, which write it; nothing reads it any more.

ALTER TABLE millrace.job_rows ADD COLUMN suspect boolean NOT NULL DEFAULT false;

CREATE OR REPLACE VIEW millrace.jobs AS
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
  CASE WHEN worker IS NOT NULL THEN lpad(to_hex(worker), 16, '0') END AS worker,
  suspect AND finished_at IS NULL AS quarantined
FROM millrace.job_rows;
