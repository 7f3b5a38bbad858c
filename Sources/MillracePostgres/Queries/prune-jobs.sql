-- prune-jobs: forgets jobs that ended long ago, or for want of room (maintain, until it returns 0).
-- $1 how long they are kept (ms)  $2 bytes that all may have together, null = no bound  $3 how many rows to delete at most
SELECT millrace.prune_jobs($1::bigint * interval '1 millisecond', $2::bigint, $3::integer)
