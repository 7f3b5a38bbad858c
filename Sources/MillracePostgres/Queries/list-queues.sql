-- list-queues: all queues with their settings. Called by PostgresLedger.queues.
SELECT name, paused, epoch, server_id FROM millrace.queues ORDER BY name
