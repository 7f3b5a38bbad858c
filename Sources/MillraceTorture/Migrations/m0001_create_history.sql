-- m0001_create_history: what the checker looks at: business rows, and every change of a job's state, attempt or failures.

-- Written by jobs through context.transaction.
CREATE TABLE torture.rows (
  job     uuid NOT NULL,
  attempt integer NOT NULL
);

-- As the server does with a transaction that cannot be put in an order with the others.
CREATE FUNCTION torture.refuse() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
END
$$;

CREATE TABLE torture.history (
  at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- When the server was asked for it.
  asked_at        timestamptz NOT NULL DEFAULT statement_timestamp(),
  job             uuid NOT NULL,
  queue           text NOT NULL,
  state_before    millrace.job_state NOT NULL,
  state           millrace.job_state NOT NULL,
  attempt_before  integer NOT NULL,
  attempt         integer NOT NULL,
  -- The row was written with its first attempt, which needs no claim.
  is_first        boolean NOT NULL DEFAULT false
);

-- Every completion that was ever recorded; an operator's retry makes a second one of the same job.
CREATE VIEW torture.recordings AS
SELECT job, attempt FROM torture.history WHERE state = 'completed' AND state_before < 'completed';

CREATE FUNCTION torture.note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO torture.history (job, queue, state_before, state, attempt_before, attempt)
  VALUES (OLD.id, OLD.queue, OLD.state, NEW.state, OLD.attempt, NEW.attempt);
  RETURN NULL;
END
$$;

CREATE TRIGGER note_change AFTER UPDATE ON millrace.job_rows
FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.attempt <> NEW.attempt OR NEW.state >= 'completed')
EXECUTE FUNCTION torture.note_change();

-- A job of durability redis has no row before its first attempt.
CREATE FUNCTION torture.note_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO torture.history (job, queue, state_before, state, attempt_before, attempt, is_first)
  VALUES (NEW.id, NEW.queue, 'ready', NEW.state, 0, NEW.attempt, true);
  RETURN NULL;
END
$$;

CREATE TRIGGER note_first AFTER INSERT ON millrace.job_rows
FOR EACH ROW WHEN (NEW.attempt > 0)
EXECUTE FUNCTION torture.note_first();
