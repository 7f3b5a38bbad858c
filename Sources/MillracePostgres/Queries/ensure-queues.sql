-- ensure-queues: gives queues a row (ensureQueue, and wherever a name may be new).
-- $1 names, sorted
INSERT INTO millrace.queues (name) SELECT * FROM unnest($1::text[]) ON CONFLICT (name) DO NOTHING
