-- m0004_create_enqueue: submits a job from SQL, in the caller's own transaction.
--
--   SELECT millrace.enqueue('email.send', '{"to": "a@b.org"}', queue => 'email', run_at => now() + interval '1 hour');

-- A UUIDv7 (RFC 9562) of the clock's time.
CREATE FUNCTION millrace.new_id() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN (
  SELECT encode(
    set_byte(overlay(random PLACING substring(time FROM 3) FROM 1 FOR 6), 6, 112 | (get_byte(random, 6) & 15)),
    'hex')::uuid
  FROM (SELECT
    uuid_send(gen_random_uuid()), int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
  ) AS source (random, time)
);

-- Returns the job's id. The job exists when the caller's transaction commits; the relay pushes it.
CREATE FUNCTION millrace.enqueue(
  kind         text,
  payload      json,
  queue        text DEFAULT 'default',
  priority     text DEFAULT 'normal',
  run_at       timestamptz DEFAULT NULL,
  expires_at   timestamptz DEFAULT NULL,
  timeout      interval DEFAULT '10 minutes',
  max_attempts integer DEFAULT 20,
  tags         text[] DEFAULT NULL,
  trace        text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  new_id uuid := millrace.new_id();
  lane integer := array_position(ARRAY['critical', 'high', 'normal', 'low'], enqueue.priority) - 1;
  due timestamptz := greatest(enqueue.run_at, statement_timestamp());
  fault text := CASE
    WHEN (enqueue.kind ~ '^[a-z0-9._-]{1,64}$') IS NOT TRUE THEN 'kind: 1 to 64 characters of [a-z0-9._-]'
    WHEN (enqueue.queue ~ '^[a-z0-9._-]{1,64}$') IS NOT TRUE THEN 'queue: 1 to 64 characters of [a-z0-9._-]'
    WHEN lane IS NULL THEN 'priority: critical, high, normal or low'
    WHEN (octet_length(enqueue.payload::text) <= 262144) IS NOT TRUE THEN 'payload: JSON of at most 262144 bytes'
    WHEN due > statement_timestamp() + interval '365 days' THEN 'run_at: at most 365 days ahead'
    WHEN (enqueue.timeout BETWEEN interval '1 ms' AND interval '1 day') IS NOT TRUE THEN 'timeout: at most a day'
    WHEN (enqueue.max_attempts BETWEEN 1 AND 1000) IS NOT TRUE THEN 'max_attempts: 1 to 1000'
    WHEN cardinality(enqueue.tags) > 16 OR (SELECT max(octet_length(tag)) FROM unnest(enqueue.tags) AS tag) > 64
      THEN 'tags: at most 16, of at most 64 bytes each'
    WHEN octet_length(enqueue.trace) > 255 THEN 'trace: at most 255 bytes'
  END;
BEGIN
  IF fault IS NOT NULL THEN
    RAISE EXCEPTION 'millrace.enqueue: %', fault USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- An accepted job survives a crash, whatever the caller's session says.
  PERFORM set_config('synchronous_commit', 'on', true);
  PERFORM FROM millrace.queues WHERE name = enqueue.queue;
  IF NOT FOUND THEN
    INSERT INTO millrace.queues (name) VALUES (enqueue.queue) ON CONFLICT DO NOTHING;
  END IF;
  INSERT INTO millrace.job_rows (
    id, created_at, due_at, expires_at, state, timeout_ms, max_attempts, priority, flagged, queue, kind, payload, tags,
    trace)
  VALUES (
    new_id, statement_timestamp(), due, enqueue.expires_at,
    CASE WHEN due > statement_timestamp() THEN 'scheduled' ELSE 'ready' END::millrace.job_state,
    extract(epoch FROM enqueue.timeout) * 1000, enqueue.max_attempts, lane, true, enqueue.queue, enqueue.kind,
    enqueue.payload, nullif(enqueue.tags, '{}'), enqueue.trace);
  RETURN new_id;
END $$;

-- Whoever may submit is granted the schema's USAGE and this function, and nothing else.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA millrace FROM PUBLIC;
