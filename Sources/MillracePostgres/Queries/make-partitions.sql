-- make-partitions: sees to the partitions of the days ahead (maintain, migrate).
SELECT millrace.make_partitions()
