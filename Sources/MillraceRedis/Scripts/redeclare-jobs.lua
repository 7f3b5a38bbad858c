-- redeclare-jobs: write running jobs and their leases again, which Redis has lost. Called by RedisBroker.redeclare.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV[1] now (Unix ms) or '' for Redis's clock   ARGV[2] lease (ms)
-- ARGV[3…] per job, at most 500: id + token; envelope
-- Returns one number per lease: 1 = it holds now, 0 = the job is known without it, and nothing was done.
-- A lease comes before its envelope: one without is dropped when it expires.
local jobs, leases = KEYS[1], KEYS[2]
local now, lease, count = tonumber(ARGV[1]), tonumber(ARGV[2]), (#ARGV - 2) / 2
if not lease or count < 1 or count > 500 or count % 1 ~= 0 then
  return redis.error_reply('ERR redeclare-jobs: malformed arguments')
end
local members = {}
for i = 1, count do
  members[i] = ARGV[2 * i + 1]
  if #members[i] ~= 33 or not ARGV[2 * i + 2] or ARGV[2 * i + 2] == '' then
    return redis.error_reply('ERR redeclare-jobs: malformed job ' .. i)
  end
end

redis.call('ZREM', leases, '')  -- a removal first lets the script run at maxmemory
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local held = redis.call('ZMSCORE', leases, unpack(members))
local answers, updates, fields = {}, {}, {}
for i, member in ipairs(members) do
  local id = member:sub(1, 16)
  if fields[id] then
    answers[i] = fields[id] == member and 1 or 0
  elseif redis.call('HEXISTS', jobs, id) == 1 then
    answers[i] = held[i] and redis.call('HSTRLEN', jobs, id) > 0 and 1 or 0
  else
    answers[i] = 1
    updates[#updates + 1] = now + lease
    updates[#updates + 1] = member
    fields[id] = member
    fields[#fields + 1] = id
    fields[#fields + 1] = ARGV[2 * i + 2]
  end
end
if #updates > 0 then redis.call('ZADD', leases, unpack(updates)) end
if #fields > 0 then redis.call('HSET', jobs, unpack(fields)) end
return answers
