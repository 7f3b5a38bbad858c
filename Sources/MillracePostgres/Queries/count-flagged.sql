-- count-flagged: rows that wait to be pushed, by queue. Called by PostgresLedger.flaggedCounts.
SELECT queue, count(*) FROM millrace.job_rows WHERE flagged GROUP BY queue
