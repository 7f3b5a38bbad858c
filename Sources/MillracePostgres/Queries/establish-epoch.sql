-- establish-epoch: gives a queue without an epoch its first one (establishEpoch).
-- $1 name  $2 the broker's server
INSERT INTO millrace.queues AS queue (name, epoch, server_id)
VALUES ($1::text, 1, $2::text)
ON CONFLICT (name) DO UPDATE
SET epoch = coalesce(queue.epoch, 1),
  server_id = CASE WHEN queue.epoch IS NULL THEN excluded.server_id ELSE queue.server_id END
RETURNING epoch
