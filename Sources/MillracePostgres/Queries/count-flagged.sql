-- count-flagged: rows that wait to be pushed, by queue (flaggedCounts).
SELECT queue, count(*) FROM millrace.job_rows WHERE flagged GROUP BY queue
