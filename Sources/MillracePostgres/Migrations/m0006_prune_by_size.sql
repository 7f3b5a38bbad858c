-- m0006_prune_by_size: lets the ledger forget for want of room, too, and find what has expired.

CREATE INDEX ON millrace.job_rows (expires_at) WHERE finished_at IS NULL AND expires_at IS NOT NULL;

-- Forgets what ended longer ago than `keep`: drops the first partition that holds nothing to be kept, or else deletes at most
-- `batch` rows. While all partitions together have more than `keep_bytes` (null = no bound) a partition is dropped whatever its
-- age, the oldest first, if nothing in it is unfinished; rows are not deleted for want of room, since that gives none back. The
-- current day and the one before, which may still get jobs, are never touched. Returns how many partitions or rows went.
CREATE FUNCTION millrace.prune_jobs(keep interval, keep_bytes bigint, batch integer) RETURNS bigint
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
        EXECUTE format('SELECT EXISTS (SELECT FROM millrace.%I WHERE finished_at IS NULL)', part) INTO is_needed;
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
REVOKE ALL ON FUNCTION millrace.prune_jobs(interval, bigint, integer) FROM PUBLIC;
