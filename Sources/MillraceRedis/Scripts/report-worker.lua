-- report-worker: note that a worker process lives, and forget those long silent. Called by RedisBroker.report.
-- KEYS[1] workers  HASH, process -> time of its report (Unix ms), a space and the report
-- ARGV[1] now (Unix ms) or '' for Redis's clock   ARGV[2] process   ARGV[3] report (JSON)
-- ARGV[4] how long a report counts (ms)
-- Returns 1.
local workers = KEYS[1]
local now, process, report, kept = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
if process == '' or report == '' or not kept then return redis.error_reply('ERR report-worker: malformed arguments') end
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local forgotten, known = {''}, redis.call('HGETALL', workers)
for i = 1, math.min(#known, 2000), 2 do
  local time = tonumber(known[i + 1]:match('^%d+'))
  if not time or now - time > kept then forgotten[#forgotten + 1] = known[i] end
end
redis.call('HDEL', workers, unpack(forgotten))  -- a removal first lets the script run at maxmemory
redis.call('HSET', workers, process, string.format('%.0f ', now) .. report)
return 1
