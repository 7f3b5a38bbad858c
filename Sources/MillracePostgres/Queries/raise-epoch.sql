-- raise-epoch: raises a queue's epoch by one (raiseEpoch).
-- $1 name  $2 the broker's server
INSERT INTO millrace.queues AS queue (name, epoch, server_id)
VALUES ($1::text, 1, $2::text)
ON CONFLICT (name) DO UPDATE SET epoch = coalesce(queue.epoch, 0) + 1, server_id = excluded.server_id
RETURNING epoch
