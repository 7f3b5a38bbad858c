-- complete-jobs: forget jobs that have ended, and tell who waits for them. Called by RedisBroker.complete.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV[1] channel of finished ids   ARGV[2] finished ids, one behind the other   ARGV[3…] id + token, at most 500
-- Returns one number per lease: 1 = it was held, 0 = it was not, and nothing was done.
-- The envelope goes first: a lease without one is dropped when it expires, an envelope without a lease would stay.
local jobs, leases = KEYS[1], KEYS[2]
local channel, finished = ARGV[1], ARGV[2]
if #ARGV > 502 or #finished % 16 ~= 0 then return redis.error_reply('ERR complete-jobs: malformed arguments') end
for i = 3, #ARGV do
  if #ARGV[i] ~= 33 then return redis.error_reply('ERR complete-jobs: malformed lease ' .. i - 2) end
end

local answers, ids, members = {}, {}, {}
if #ARGV > 2 then
  local held = redis.call('ZMSCORE', leases, unpack(ARGV, 3))
  for i = 1, #ARGV - 2 do
    local member = ARGV[i + 2]
    if held[i] and not members[member] then
      answers[i] = 1
      members[member] = true
      members[#members + 1] = member
      ids[#ids + 1] = member:sub(1, 16)
    else
      answers[i] = 0
    end
  end
end

if #ids > 0 then
  redis.call('HDEL', jobs, unpack(ids))
  redis.call('ZREM', leases, unpack(members))
end
if #finished > 0 then redis.call('PUBLISH', channel, finished) end
return answers
