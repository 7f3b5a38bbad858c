-- list-queues: all queues with their settings (queues).
SELECT name, paused, epoch, server_id FROM millrace.queues ORDER BY name
