-- m0005_add_steps: what a job's runs have done already and need not do again.

-- Not JSON around the result: PostgreSQL cannot look into JSON that has an escaped NUL anywhere.
CREATE TYPE millrace.step AS (
  name    text,
  attempt integer,    -- of the run that did it
  at      timestamptz,
  result  json        -- the very text that was encoded
);

ALTER TABLE millrace.job_rows ADD COLUMN steps millrace.step[];
