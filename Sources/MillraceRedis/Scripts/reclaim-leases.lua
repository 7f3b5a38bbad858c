-- reclaim-leases: put jobs with expired leases back at the head of their lanes. Called by RedisBroker.reclaim.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV[1] now (Unix ms) or '' for Redis's clock   ARGV[2] how many, 0 to 500
-- ARGV[3] lease (ms)   ARGV[4] longest gap between two ticks (ms)
-- Returns how many jobs it put back.
-- A last tick that is missing, ahead or too long ago says that Redis was away, so that nobody could extend:
-- then nothing is taken for one lease.
local meta = KEYS[4]
local now, limit, lease, gap = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if not (limit and limit >= 0 and limit <= 500 and lease and gap) then
  return redis.error_reply('ERR reclaim-leases: malformed arguments')
end

redis.call('ZREM', leases, '')  -- a removal first lets the script run at maxmemory
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local ticks = redis.call('HMGET', meta, 'tick', 'not_before')
local tick, notBefore = tonumber(ticks[1]), tonumber(ticks[2]) or 0
if not tick or tick > now or now - tick > gap then
  redis.call('HSET', meta, 'not_before', now + lease, 'tick', now)
  return 0
end
redis.call('HSET', meta, 'tick', now)
if now < notBefore then return 0 end

local members = redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, limit)
if #members == 0 then return 0 end
local _, count = putBack(members)
return count
