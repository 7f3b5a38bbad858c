-- raise-epoch: raises a queue's epoch by one (raiseEpoch).
-- $1 name  $2 the broker's server  $3 the broker's epoch is nobody's already, so that a wait for live workers may go on
-- Returns the epoch and how long that wait has lasted (ms), null for none. It goes on if it is that of the epoch before,
-- of the same server.
INSERT INTO millrace.queues AS queue (name, epoch, server_id)
VALUES ($1::text, 1, $2::text)
ON CONFLICT (name) DO UPDATE
SET epoch = coalesce(queue.epoch, 0) + 1,
  server_id = excluded.server_id,
  waiting_epoch = CASE
    WHEN $3::boolean AND queue.waiting_epoch = queue.epoch AND queue.server_id = excluded.server_id
      THEN queue.epoch + 1
  END,
  waiting_since = CASE
    WHEN $3 AND queue.waiting_epoch = queue.epoch AND queue.server_id = excluded.server_id THEN queue.waiting_since
  END
RETURNING queue.epoch, (extract(epoch FROM clock_timestamp() - queue.waiting_since) * 1000)::bigint
