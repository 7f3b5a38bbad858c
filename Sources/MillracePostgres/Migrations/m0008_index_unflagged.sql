-- m0008_index_unflagged: finds what Redis should know without reading past all that waits for the relay, and shows steps.
--
-- The index job_rows_unflagged (queue, id) WHERE finished_at IS NULL AND NOT flagged has been built before this runs, while
-- others went on writing. It takes the place of the one of all unfinished rows, so that no write costs more than before: clearing
-- a flag was no heap-only update then either, and a claim of an unflagged row stays one.
DROP INDEX millrace.job_rows_id_idx;

-- Forgets what ended longer ago than `keep`: drops the first partition that holds nothing to be kept, or else deletes at most
-- `batch` rows. While all partitions together have more than `keep_bytes` (null = no bound) a partition is dropped whatever its
-- age, the oldest first, if nothing in it is unfinished; rows are not deleted for want of room, since that gives none back. The
-- current day and the one before, which may still get jobs, are never touched. Returns how many partitions or rows went.
CREATE OR REPLACE FUNCTION millrace.prune_jobs(keep interval, keep_bytes bigint, batch integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = on AS $$
DECLARE
  has_room boolean := coalesce(
    (SELECT sum(pg_total_relation_size(format('millrace.%I', name)::regclass)) FROM millrace.partitions) <= keep_bytes,
    true);
  -- With too little room all days that have ended may go.
  cutoff timestamptz := CASE WHEN has_room THEN now() - keep ELSE 'infinity' END;
  part text;
  is_old boolean;
  is_needed boolean;
  deleted bigint;
  gone bigint := 0;
BEGIN
  FOR part, is_old IN
    SELECT name, (day + 1)::timestamp AT TIME ZONE 'UTC' < now() - keep FROM millrace.partitions
    WHERE (day + 1)::timestamp AT TIME ZONE 'UTC' < cutoff AND (day + 2)::timestamp AT TIME ZONE 'UTC' < now()
    ORDER BY day
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM millrace.%I WHERE finished_at IS NULL OR finished_at >= $1)', part)
      INTO is_needed USING cutoff;
    IF NOT is_needed THEN
      BEGIN
        -- Rather try again later than make everybody wait behind this lock.
        SET LOCAL lock_timeout = '200ms';
        EXECUTE format('LOCK TABLE ONLY millrace.job_rows, ONLY millrace.%I IN ACCESS EXCLUSIVE MODE', part);
        -- By two look-ups in indexes: what is flagged has not ended.
        EXECUTE format(
          'SELECT EXISTS (SELECT FROM millrace.%1$I WHERE finished_at IS NULL AND NOT flagged)'
          ' OR EXISTS (SELECT FROM millrace.%1$I WHERE flagged)', part) INTO is_needed;
        IF NOT is_needed THEN
          EXECUTE format('DROP TABLE millrace.%I', part);
          RETURN gone + 1;
        END IF;
      EXCEPTION
        -- Somebody else holds or has just dropped it.
        WHEN lock_not_available OR undefined_table THEN RETURN gone;
      END;
    END IF;
    CONTINUE WHEN NOT is_old;
    EXECUTE format(
      'DELETE FROM millrace.%1$I WHERE ctid = ANY (ARRAY('
      ' SELECT ctid FROM millrace.%1$I WHERE finished_at < $1 LIMIT $2))', part) USING now() - keep, batch - gone;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    gone := gone + deleted;
    EXIT WHEN gone >= batch;
  END LOOP;
  RETURN gone;
END $$;

-- For releases that no longer run beside this one.
DROP FUNCTION millrace.prune_jobs(interval, integer);

CREATE OR REPLACE VIEW millrace.jobs AS
SELECT
  id, queue, kind,
  -- The ledger does not hear of promotion.
  CASE
    WHEN state IN ('scheduled', 'ready') THEN CASE WHEN due_at > now() THEN 'scheduled' ELSE 'ready' END
    ELSE state::text
  END AS state,
  attempt, failures, crashes, max_attempts,
  (ARRAY['critical', 'high', 'normal', 'low'])[priority + 1] AS priority,
  payload, result,
  coalesce(array_to_json(errors), '[]') AS errors,
  created_at, due_at, expires_at, started_at, finished_at,
  timeout_ms * interval '1 millisecond' AS timeout,
  coalesce(tags, '{}') AS tags,
  trace,
  CASE WHEN worker IS NOT NULL THEN lpad(to_hex(worker), 16, '0') END AS worker,
  suspect AND finished_at IS NULL AS quarantined,
  coalesce((
    SELECT json_agg(
      json_build_object('name', step.name, 'attempt', step.attempt, 'at', step.at, 'result', step.result)
      ORDER BY step.number)
    FROM unnest(steps) WITH ORDINALITY AS step (name, attempt, at, result, number)
  ), '[]') AS steps
FROM millrace.job_rows;
