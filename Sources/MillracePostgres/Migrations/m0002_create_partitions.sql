-- m0002_create_partitions: functions that make the partitions of job_rows ahead of time, and drop them when it is past.

-- The least id of a millisecond: 48 bits of Unix time, then zeros.
CREATE FUNCTION millrace.least_id(at timestamptz) RETURNS uuid
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN (lpad(to_hex(greatest(floor(extract(epoch FROM at) * 1000), 0)::bigint), 12, '0') || repeat('0', 20))::uuid;

CREATE VIEW millrace.partitions AS
SELECT c.relname AS name, to_date(right(c.relname, 8), 'YYYYMMDD') AS day
FROM pg_catalog.pg_inherits AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'millrace.job_rows'::regclass;

-- Makes one day's partition; false when it is there. By ATTACH, as CREATE … PARTITION OF would lock out all readers.
CREATE FUNCTION millrace.make_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part text := 'job_rows_' || to_char(day, 'YYYYMMDD');
BEGIN
  IF EXISTS (SELECT FROM millrace.partitions WHERE name = part) THEN RETURN false; END IF;
  LOCK TABLE ONLY millrace.job_rows IN SHARE UPDATE EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM millrace.partitions WHERE name = part) THEN RETURN false; END IF;
  -- Half of each page stays free for the claim's new version of a row. Every row dies once, so vacuum comes early.
  EXECUTE format(
    'CREATE TABLE millrace.%I (LIKE millrace.job_rows INCLUDING DEFAULTS INCLUDING INDEXES) WITH (fillfactor = 50,'
    ' autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_limit = 2000)',
    part);
  EXECUTE format(
    'ALTER TABLE millrace.job_rows ATTACH PARTITION millrace.%I FOR VALUES FROM (%L) TO (%L)', part,
    millrace.least_id(day::timestamp AT TIME ZONE 'UTC'), millrace.least_id((day + 1)::timestamp AT TIME ZONE 'UTC'));
  RETURN true;
END $$;

-- Makes the partitions of yesterday and of the next seven days; returns how many were missing.
CREATE FUNCTION millrace.make_partitions() RETURNS bigint
LANGUAGE sql
RETURN (
  SELECT count(*) FILTER (WHERE millrace.make_partition((now() AT TIME ZONE 'UTC')::date + ahead))
  FROM generate_series(-1, 7) AS ahead
);

-- Forgets what ended longer ago than `keep`: drops the first partition that is wholly older and holds no unfinished and
-- no younger row, or else deletes at most `batch` rows. Returns how many partitions or rows went.
CREATE FUNCTION millrace.prune_jobs(keep interval, batch integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = on AS $$
DECLARE
  cutoff timestamptz := now() - keep;
  part text;
  is_needed boolean;
  deleted bigint;
  gone bigint := 0;
BEGIN
  FOR part IN
    SELECT name FROM millrace.partitions WHERE (day + 1)::timestamp AT TIME ZONE 'UTC' < cutoff ORDER BY day
  LOOP
    EXECUTE format(
      'SELECT EXISTS (SELECT FROM millrace.%1$I WHERE finished_at IS NULL)'
      ' OR EXISTS (SELECT FROM millrace.%1$I WHERE finished_at >= $1)', part) INTO is_needed USING cutoff;
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
      EXCEPTION WHEN lock_not_available THEN
        RETURN gone;
      END;
    END IF;
    EXECUTE format(
      'DELETE FROM millrace.%1$I WHERE ctid = ANY (ARRAY('
      ' SELECT ctid FROM millrace.%1$I WHERE finished_at < $1 LIMIT $2))', part) USING cutoff, batch - gone;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    gone := gone + deleted;
  END LOOP;
  RETURN gone;
END $$;
