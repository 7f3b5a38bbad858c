-- check-ledger: whether a job could be accepted now, and which migrations were applied (check).
SELECT
  current_setting('transaction_read_only')::boolean,
  to_regclass('millrace.job_rows_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')) IS NOT NULL,
  ARRAY(SELECT name FROM millrace.schema_migrations ORDER BY name),
  ARRAY(SELECT allows FROM millrace.schema_migrations ORDER BY name)
