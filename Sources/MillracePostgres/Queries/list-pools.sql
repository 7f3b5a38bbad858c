-- list-pools: wished counts of worker processes (poolCounts).
SELECT name, count FROM millrace.pools
