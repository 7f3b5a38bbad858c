-- make-partitions: sees to the partitions of the days ahead. Called by PostgresLedger.maintain.
SELECT millrace.make_partitions()
