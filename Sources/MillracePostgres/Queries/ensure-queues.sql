-- ensure-queues: gives queues a row. Called wherever a queue's name may be new, names in ascending order.
-- $1 names
INSERT INTO millrace.queues (name)
SELECT * FROM unnest($1::text[])
ON CONFLICT (name) DO NOTHING
