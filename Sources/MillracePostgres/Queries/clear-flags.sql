-- clear-flags: takes the relay's flag off jobs that have been pushed and not been written since (clearFlags).
-- $1 id, ascending  $2 version as read-pushable told it: arrays
-- (A plain `flagged` would offer the planner a walk along that index.) The version is the transaction that wrote the
-- row last; after a wait for another writer it is compared with what that one has left.
UPDATE millrace.job_rows AS job
SET flagged = false
FROM unnest($1::uuid[], $2::bigint[]) AS pushed (id, version)
WHERE job.id BETWEEN pushed.id AND pushed.id
  AND job.flagged IS DISTINCT FROM false
  AND job.xmin::text::bigint = pushed.version
