-- read-bounds: the server's clock, and the least id that any partition can hold. Called by PostgresLedger.claim for jobs without a row.
SELECT millrace.least_id(min(day)::timestamp AT TIME ZONE 'UTC') AS oldest FROM millrace.partitions
