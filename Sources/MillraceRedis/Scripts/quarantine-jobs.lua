-- quarantine-jobs: end leases and put their jobs at the end of the suspects' lane. Called by RedisBroker.quarantine.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV    id + token, 1 to 500
-- Returns one number per lease: 1 = it was held, 0 = it was not, and nothing was done.
-- Cancelled jobs are dropped. An entry, id + lane, comes before its lease goes: in two places a job is found again.
local jobs, leases, quarantine = KEYS[1], KEYS[2], KEYS[10]
if #ARGV == 0 or #ARGV > 500 then return redis.error_reply('ERR quarantine-jobs: 1 to 500 leases, not ' .. #ARGV) end
for i, member in ipairs(ARGV) do
  if #member ~= 33 or member:byte(33) > 3 then return redis.error_reply('ERR quarantine-jobs: malformed lease ' .. i) end
end

local held = redis.call('ZMSCORE', leases, unpack(ARGV))
local answers, seen = {}, {}
redis.call('ZREM', leases, '')  -- a removal first lets the script run at maxmemory
for i, member in ipairs(ARGV) do
  answers[i] = held[i] and not seen[member] and 1 or 0
  if answers[i] == 1 then
    seen[member] = true
    if redis.call('HSTRLEN', jobs, member:sub(1, 16)) > 0 then
      redis.call('RPUSH', quarantine, member:sub(1, 16) .. member:sub(33))
    else
      redis.call('HDEL', jobs, member:sub(1, 16))
    end
    redis.call('ZREM', leases, member)
  end
end
return answers
