-- list-pools: wished counts of worker processes. Called by PostgresLedger.poolCounts.
SELECT name, count FROM millrace.pools
