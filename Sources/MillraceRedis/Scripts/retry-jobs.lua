-- retry-jobs: end leases and schedule their jobs anew. Called by RedisBroker.retry.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV[1] now (Unix ms) or '' for Redis's clock   ARGV[2…] per job, at most 500: id + token; delay (ms)
-- Returns one number per lease: 1 = it was held, 0 = it was not, and nothing was done.
-- Cancelled jobs are dropped. The new entry comes before the lease goes: in two places a job is found again.
local jobs, leases, scheduled = KEYS[1], KEYS[2], KEYS[3]
local now, count = tonumber(ARGV[1]), (#ARGV - 1) / 2
if count < 1 or count > 500 or count % 1 ~= 0 then
  return redis.error_reply('ERR retry-jobs: malformed arguments')
end
local members = {}
for i = 1, count do
  members[i] = ARGV[2 * i]
  if #members[i] ~= 33 or members[i]:byte(33) > 3 or not tonumber(ARGV[2 * i + 1]) then
    return redis.error_reply('ERR retry-jobs: malformed job ' .. i)
  end
end

if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local held = redis.call('ZMSCORE', leases, unpack(members))
local answers, ended, updates, empty, seen = {}, {}, {}, {}, {}
for i, member in ipairs(members) do
  answers[i] = held[i] and not seen[member] and 1 or 0
  if answers[i] == 1 then
    seen[member] = true
    ended[#ended + 1] = member
    local id = member:sub(1, 16)
    if redis.call('HSTRLEN', jobs, id) > 0 then
      updates[#updates + 1] = now + math.max(0, ARGV[2 * i + 1])
      updates[#updates + 1] = id .. member:sub(33)
    else
      empty[#empty + 1] = id
    end
  end
end

redis.call('ZREM', leases, '')  -- a removal first lets the script run at maxmemory
if #updates > 0 then redis.call('ZADD', scheduled, unpack(updates)) end
if #empty > 0 then redis.call('HDEL', jobs, unpack(empty)) end
if #ended > 0 then redis.call('ZREM', leases, unpack(ended)) end
return answers
