-- read-connections: how many connections the server allows, and how many are in use. Called by PostgresLedger.connectionBudget.
SELECT
  current_setting('max_connections')::integer AS allowed,
  current_setting('superuser_reserved_connections')::integer AS reserved,
  (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')::integer AS used
