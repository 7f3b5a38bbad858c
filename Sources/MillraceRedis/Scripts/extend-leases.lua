-- extend-leases: prolong every lease in the batch that is still held. Called by RedisBroker.extend.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV[1] now (Unix ms) or '' for Redis's clock   ARGV[2] lease (ms)   ARGV[3] caller's epoch
-- ARGV[4…] id + token, at most 500
-- Returns one number per lease: its new deadline, 0 = lost (gone, or cancelled), -1 = unknown (Redis lost data).
local jobs, leases, meta = KEYS[1], KEYS[2], KEYS[4]
local now, lease, epoch = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
if not lease or #ARGV < 4 or #ARGV > 503 then return redis.error_reply('ERR extend-leases: malformed arguments') end
for i = 4, #ARGV do
  if #ARGV[i] ~= 33 then return redis.error_reply('ERR extend-leases: malformed lease ' .. i - 3) end
end

redis.call('ZREM', leases, '')  -- a removal first lets the script run at maxmemory
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local absent = redis.call('HGET', meta, 'epoch') == epoch and 0 or -1
local held = redis.call('ZMSCORE', leases, unpack(ARGV, 4))
local deadline = string.format('%.0f', now + lease)  -- a number would be formatted for every lease

local answers, updates = {}, {}
for i = 1, #ARGV - 3 do
  local member = ARGV[i + 3]
  local id = member:sub(1, 16)
  if redis.call('HSTRLEN', jobs, id) == 0 and redis.call('HEXISTS', jobs, id) == 1 then
    answers[i] = 0
  elseif not held[i] then
    answers[i] = absent
  else
    answers[i] = now + lease
    updates[#updates + 1] = deadline
    updates[#updates + 1] = member
  end
end
if #updates > 0 then redis.call('ZADD', leases, unpack(updates)) end
return answers
