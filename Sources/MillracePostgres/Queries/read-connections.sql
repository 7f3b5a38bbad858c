-- read-connections: how many connections the server allows, and how many are in use (connectionBudget).
SELECT
  current_setting('max_connections')::integer,
  current_setting('superuser_reserved_connections')::integer,
  (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')::integer
