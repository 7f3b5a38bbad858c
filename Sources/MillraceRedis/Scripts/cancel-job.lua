-- cancel-job: take a job that the ledger has cancelled out of its queue, and tell. Called by RedisBroker.cancel.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV[1] channel of cancelled ids   ARGV[2] channel of finished ids   ARGV[3] id   ARGV[4] token or ''
-- Returns 1 = removed, 0 = emptied, for whoever meets it to drop (a lane is too long to be searched), -1 = unknown.
-- meta.cancelled counts the emptied entries in lanes.
local jobs, leases, scheduled, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local cancelled, finished, id, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if #id ~= 16 or (#token ~= 0 and #token ~= 17) then return redis.error_reply('ERR cancel-job: malformed arguments') end

local places = {id .. '\0', id .. '\1', id .. '\2', id .. '\3'}
local due = redis.call('ZMSCORE', scheduled, unpack(places))
local isFree = due[1] or due[2] or due[3] or due[4] or #token > 0 and redis.call('ZSCORE', leases, id .. token)

local answer = redis.call('HEXISTS', jobs, id) - 1
redis.call('ZREM', leases, '')  -- a removal first lets the script run at maxmemory
if isFree then
  answer = 1
  redis.call('HDEL', jobs, id)
  redis.call('ZREM', scheduled, unpack(places))
  redis.call('ZREM', leases, id .. token)
elseif redis.call('HSTRLEN', jobs, id) > 0 then
  -- Reserved and not yet claimed, or in a lane? There are no more leases than slots.
  local isLeased = false
  for _, member in ipairs(redis.call('ZRANGE', leases, 0, -1)) do isLeased = isLeased or member:sub(1, 16) == id end
  if not isLeased then redis.call('HINCRBY', meta, 'cancelled', 1) end
  redis.call('HSET', jobs, id, '')
end
redis.call('PUBLISH', cancelled, id)
redis.call('PUBLISH', finished, id)
return answer
