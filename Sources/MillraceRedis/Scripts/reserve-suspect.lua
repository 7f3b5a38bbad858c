-- reserve-suspect: lease the suspect that has waited longest to a process. Called by RedisBroker.reserveSuspect.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV[1] now (Unix ms) or '' for Redis's clock   ARGV[2] caller's epoch   ARGV[3] process, 8 bytes   ARGV[4] lease (ms)
-- Returns as reserve-jobs; looks at up to 500 entries. A lease comes before its entry goes.
local jobs, leases, meta, quarantine = KEYS[1], KEYS[2], KEYS[4], KEYS[10]
local now, epoch, process, lease = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
if #process ~= 8 or not lease then return redis.error_reply('ERR reserve-suspect: malformed arguments') end

local settings = redis.call('HMGET', meta, 'epoch', 'paused')
if settings[1] ~= epoch then
  return redis.error_reply('EPOCH the queue has ' .. (settings[1] or 'none') .. ', the caller ' .. epoch)
end
if settings[2] == '1' then return {1, 0, -1} end
local answer, met, time = {0, 0, -1}, 0, redis.call('TIME')
now = now or time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREM', leases, '')  -- a removal first lets the script run at maxmemory
for _, entry in ipairs(redis.call('LRANGE', quarantine, 0, 499)) do
  local id = entry:sub(1, 16)
  local envelope = redis.call('HGET', jobs, id)
  met = met + 1
  if envelope and envelope ~= '' and #entry == 17 then
    local member = id .. struct.pack('>I8', time[1] * 1000000 + time[2]) .. process .. entry:sub(17)
    redis.call('ZADD', leases, now + lease, member)
    answer[4], answer[5] = member, envelope
    -- As reserve-jobs does.
    if envelope:byte() == 90 then redis.call('HSET', jobs, id, '\165' .. envelope:sub(2)) end
    break
  elseif envelope == '' then
    redis.call('HINCRBY', KEYS[4], 'cancelled', -redis.call('HDEL', jobs, id))
  end
end
redis.call('LTRIM', quarantine, met, -1)
answer[2] = redis.call('EXISTS', quarantine)
return answer
