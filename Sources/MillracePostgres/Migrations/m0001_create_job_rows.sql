-- m0001_create_job_rows: one row a job, in daily partitions by the time in its id, and the tables beside it.

CREATE TYPE millrace.job_state AS ENUM ('scheduled', 'waiting', 'ready', 'running', 'completed', 'cancelled', 'dead');

-- People read the view millrace.jobs. Wide columns come first, so that no bytes are lost to alignment.
CREATE TABLE millrace.job_rows (
  id           uuid PRIMARY KEY,
  created_at   timestamptz NOT NULL,
  due_at       timestamptz NOT NULL,
  expires_at   timestamptz,
  started_at   timestamptz,
  finished_at  timestamptz,         -- set if and only if the state is final
  worker       bigint,              -- process of the last claim; null once it was blamed
  state        millrace.job_state NOT NULL,
  timeout_ms   integer NOT NULL,
  attempt      integer NOT NULL DEFAULT 0,
  failures     integer NOT NULL DEFAULT 0,
  crashes      integer NOT NULL DEFAULT 0,
  max_attempts integer NOT NULL,
  traps        smallint NOT NULL DEFAULT 0,
  priority     smallint NOT NULL,   -- 0 critical, 1 high, 2 normal, 3 low
  flagged      boolean NOT NULL,    -- waits to be pushed by the relay
  queue        text NOT NULL,
  kind         text NOT NULL,
  token        bytea,               -- of the last claim; ordered by time
  payload      json NOT NULL,       -- the very text that the client sent, which jsonb would rewrite
  result       json,
  errors       json[],              -- the first and the last nine
  tags         text[],
  trace        text
) PARTITION BY RANGE (id);

-- No column of an index changes at a claim, so that it stays a heap-only (HOT) update.
CREATE INDEX ON millrace.job_rows (id) WHERE finished_at IS NULL;
CREATE INDEX ON millrace.job_rows (queue, priority, due_at, id) WHERE flagged;

CREATE TABLE millrace.queues (
  name      text PRIMARY KEY,
  paused    boolean NOT NULL DEFAULT false,
  epoch     bigint,                 -- null until the first worker has seen the queue
  server_id text
);

CREATE TABLE millrace.idempotency (
  scope          text,
  key            text,
  request_digest bytea NOT NULL,
  answer         bytea NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (scope, key)
);
CREATE INDEX ON millrace.idempotency (created_at);

CREATE TABLE millrace.pools (name text PRIMARY KEY, count integer NOT NULL);

-- How many jobs ended, by minute: counting rows would read a day of them. Each writer has a shard and waits for none.
CREATE TABLE millrace.finished_counts (
  minute    timestamptz,
  queue     text,
  shard     bigint,
  completed bigint NOT NULL,
  dead      bigint NOT NULL,
  PRIMARY KEY (minute, queue, shard)
);

-- Appends {"attempt": 1, "at": "…", "error": "…"}, and keeps the first and the last nine.
CREATE FUNCTION millrace.add_error(errors json[], attempt integer, error json) RETURNS json[]
LANGUAGE sql STABLE
RETURN errors[:1] || errors[greatest(2, cardinality(errors) - 7):] || json_build_object(
  'attempt', attempt, 'error', error,
  'at', to_char(statement_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
