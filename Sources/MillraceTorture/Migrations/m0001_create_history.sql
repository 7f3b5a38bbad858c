-- m0001_create_history: what the checker looks at: business rows, and every change of a job's state, attempt or failures.

-- Written by jobs through context.transaction.
CREATE TABLE torture.rows (
  job     uuid NOT NULL,
  attempt integer NOT NULL
);

CREATE TABLE torture.history (
  at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  job             uuid NOT NULL,
  state_before    millrace.job_state NOT NULL,
  state           millrace.job_state NOT NULL,
  attempt_before  integer NOT NULL,
  attempt         integer NOT NULL
);

CREATE FUNCTION torture.note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO torture.history (job, state_before, state, attempt_before, attempt)
  VALUES (OLD.id, OLD.state, NEW.state, OLD.attempt, NEW.attempt);
  RETURN NULL;
END
$$;

CREATE TRIGGER note_change AFTER UPDATE ON millrace.job_rows
FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.attempt <> NEW.attempt OR NEW.state >= 'completed')
EXECUTE FUNCTION torture.note_change();
