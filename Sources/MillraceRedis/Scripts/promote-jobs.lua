-- promote-jobs: move due jobs to the end of their lanes. Called by RedisBroker.promote.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV[1] now (Unix ms) or '' for Redis's clock   ARGV[2] how many, 0 to 500
-- Returns how many were moved, and the ms until the next one is due (0 = more are due, -1 = none is scheduled).
-- An entry comes before the old one goes: in two places a job is found again.
local leases, scheduled, bell = KEYS[2], KEYS[3], KEYS[5]
local now, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
if not (limit and limit >= 0 and limit <= 500) then
  return redis.error_reply('ERR promote-jobs: malformed arguments')
end
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local due = redis.call('ZRANGEBYSCORE', scheduled, '-inf', now, 'LIMIT', 0, limit)
if #due > 0 then
  local entries = {{}, {}, {}, {}}
  for _, member in ipairs(due) do
    local lane = entries[(member:byte(17) or 4) + 1]
    if lane then lane[#lane + 1] = member:sub(1, 16) end
  end
  redis.call('ZREM', leases, '')  -- a removal first lets the script run at maxmemory
  for lane = 1, 4 do
    if #entries[lane] > 0 then redis.call('RPUSH', KEYS[lane + 5], unpack(entries[lane])) end
  end
  redis.call('ZREM', scheduled, unpack(due))
  if redis.call('EXISTS', bell) == 0 then redis.call('RPUSH', bell, 1) end
end
local earliest = redis.call('ZRANGE', scheduled, 0, 0, 'WITHSCORES')
return {#due, earliest[2] and math.max(0, earliest[2] - now) or -1}
