-- reserve-jobs: lease the next ready jobs to a process. Called by RedisBroker.reserve.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV[1] now (Unix ms) or '' for Redis's clock   ARGV[2] how many, 0 to 500   ARGV[3] caller's epoch
-- ARGV[4] process, 8 bytes   ARGV[5] lease (ms)   ARGV[6] '1' = from the low end   ARGV[7] envelopes' bytes to stop at
-- Returns paused (0, 1), more to take (0, 1), ms until the earliest scheduled job is due (-1 = none), then of each job
-- id + token and envelope; or the error EPOCH. The token is Redis's clock in µs (8 bytes) + process + lane.
-- An envelope is returned as it lay there. Format 0x5A (durability `redis`, never reserved) becomes 0xA5 in the hash: whatever becomes of
-- this lease, the next one is told that an attempt may have begun.
-- Looks at up to 500 entries, and removes those on the way whose envelope is empty (cancelled) or missing.
-- A lease comes before its entry goes: in two places a job is found again.
local jobs, leases, scheduled, meta, bell = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local now, limit, epoch, process = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local lease, step, bytes = tonumber(ARGV[5]), ARGV[6] == '1' and -1 or 1, tonumber(ARGV[7])
if not (limit and limit >= 0 and limit <= 500 and #process == 8 and lease and bytes) then
  return redis.error_reply('ERR reserve-jobs: malformed arguments')
end

local settings = redis.call('HMGET', meta, 'epoch', 'paused')
if settings[1] ~= epoch then
  return redis.error_reply('EPOCH the queue has ' .. (settings[1] or 'none') .. ', the caller ' .. epoch)
end
local time = redis.call('TIME')
now = now or time[1] * 1000 + math.floor(time[2] / 1000)
local earliest = redis.call('ZRANGE', scheduled, 0, 0, 'WITHSCORES')
local wait = earliest[2] and math.max(0, earliest[2] - now) or -1
if settings[2] == '1' then return {1, 0, -1} end

local answer, updates, empty, met, taken, marked = {0, 0, wait}, {}, {}, {}, {}, {}
local stamp = struct.pack('>I8', time[1] * 1000000 + time[2]) .. process
local deadline = string.format('%.0f', now + lease)  -- a number would be formatted for every job
local count, seen = 0, 0
for lane = step == 1 and 6 or 9, step == 1 and 9 or 6, step do
  local token, offset = stamp .. string.char(lane - 6), 0
  while count < limit and seen < 500 and bytes > 0 do
    local wanted = math.min(limit - count, 500 - seen, 100)
    local ids = redis.call('LRANGE', KEYS[lane], offset, offset + wanted - 1)
    if #ids == 0 then break end
    local envelopes = redis.call('HMGET', jobs, unpack(ids))
    for i, id in ipairs(ids) do
      local envelope = envelopes[i]
      if envelope == '' then
        empty[#empty + 1] = id
      elseif envelope and not taken[id] then
        count = count + 1
        bytes = bytes - #envelope
        taken[id] = true
        local member = id .. token
        updates[2 * count - 1] = deadline
        updates[2 * count] = member
        answer[2 * count + 2] = member
        answer[2 * count + 3] = envelope
        if envelope:byte() == 90 then
          marked[#marked + 1] = id
          marked[#marked + 1] = '\165' .. envelope:sub(2)
        end
      end
    end
    offset = offset + #ids
    seen = seen + #ids
    met[lane] = offset
    if #ids < wanted then break end
  end
end

if seen > 0 then redis.call('ZREM', leases, '') end  -- a removal first lets the script run at maxmemory
-- Redis searches a small sorted set from end to end; a long member makes it a tree, for as long as the set lives.
local long = count > 31 and string.rep('-', 65)
if long then redis.call('ZADD', leases, deadline, long) end
if #marked > 0 then redis.call('HSET', jobs, unpack(marked)) end
if count > 0 then redis.call('ZADD', leases, unpack(updates)) end
if long then redis.call('ZREM', leases, long) end
for lane, entries in pairs(met) do redis.call('LTRIM', KEYS[lane], entries, -1) end
if #empty > 0 then redis.call('HINCRBY', meta, 'cancelled', -redis.call('HDEL', jobs, unpack(empty))) end
if redis.call('EXISTS', KEYS[6], KEYS[7], KEYS[8], KEYS[9]) > 0 then
  answer[2] = 1
  if seen > 0 and redis.call('EXISTS', bell) == 0 then redis.call('RPUSH', bell, 1) end
else
  redis.call('DEL', bell)
end
return answer
