-- make-partition: makes the partition of an id's day (accept, when an insert found none).
-- $1 the id's time
SELECT millrace.make_partition(($1::timestamptz AT TIME ZONE 'UTC')::date)
