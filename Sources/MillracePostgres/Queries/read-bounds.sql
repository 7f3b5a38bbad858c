-- read-bounds: the least id that a partition is there for (claim).
SELECT millrace.least_id(min(day)::timestamp AT TIME ZONE 'UTC') FROM millrace.partitions
