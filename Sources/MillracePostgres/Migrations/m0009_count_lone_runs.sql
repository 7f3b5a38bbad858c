-- m0009_count_lone_runs: how often a suspect ended with its process, and since when a rebuild waits for live workers.

-- When the broker's epoch was made nobody's by the rebuild that raised the ledger's to `waiting_epoch`. Of any other epoch,
-- which a process of the release before may have raised, it says nothing.
ALTER TABLE millrace.queues ADD COLUMN waiting_epoch bigint, ADD COLUMN waiting_since timestamptz;
-- Last: claims lock `queues` first, too.
ALTER TABLE millrace.job_rows ADD COLUMN lone_runs smallint NOT NULL DEFAULT 0;
