-- begin-wait: notes since when the rebuild of an epoch waits for live workers (beginWait).
-- $1 name  $2 the epoch that it has raised
UPDATE millrace.queues SET waiting_epoch = epoch, waiting_since = clock_timestamp()
WHERE name = $1::text AND epoch = $2::bigint
