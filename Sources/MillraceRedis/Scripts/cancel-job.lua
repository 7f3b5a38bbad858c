-- cancel-job: take a job that the ledger has cancelled out of its queue, and tell. Called by RedisBroker.cancel.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV[1] channel of cancelled jobs   ARGV[2] channel of finished ids   ARGV[3] id
-- ARGV[4] token that the ledger's row had at the cancellation, or ''
-- Returns 1 = removed, 0 = emptied, for whoever meets it to drop (a lane is too long to be searched), -1 = unknown,
-- -2 = left alone: leased under another token. That lease was claimed, if at all, after the cancellation: the claim was
-- refused, and its holder is about to end the lease, or an operator had opened the job again.
-- meta.cancelled counts the emptied entries in lanes.
local jobs, leases, scheduled, meta, quarantine = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[10]
local cancelled, finished, id, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if #id ~= 16 or (#token ~= 0 and #token ~= 17) then return redis.error_reply('ERR cancel-job: malformed arguments') end

local places = {id .. '\0', id .. '\1', id .. '\2', id .. '\3'}
local answer = redis.call('HEXISTS', jobs, id) - 1
if answer == 0 then
  -- There are no more leases than slots.
  for _, member in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
    if member:sub(1, 16) == id and member:sub(17) ~= token then answer = -2 end
  end
end
redis.call('ZREM', leases, '')  -- a removal first lets the script run at maxmemory
local wasLeased = redis.call('ZREM', leases, id .. token) == 1
if answer ~= -2 then
  local isFree = redis.call('ZREM', scheduled, unpack(places)) > 0 or wasLeased
  -- Suspects are few.
  for _, place in ipairs(places) do isFree = redis.call('LREM', quarantine, 0, place) > 0 or isFree end
  if isFree then
    answer = 1
    redis.call('HDEL', jobs, id)
  elseif redis.call('HSTRLEN', jobs, id) > 0 then
    redis.call('HINCRBY', meta, 'cancelled', 1)
    redis.call('HSET', jobs, id, '')
  end
end
redis.call('PUBLISH', cancelled, id .. token)
redis.call('PUBLISH', finished, id)
return answer
