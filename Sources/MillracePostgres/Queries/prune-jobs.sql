-- prune-jobs: forgets jobs that ended long ago (maintain, until it returns 0).
-- $1 how long they are kept (ms)  $2 how many rows to delete at most
SELECT millrace.prune_jobs($1::bigint * interval '1 millisecond', $2::integer)
