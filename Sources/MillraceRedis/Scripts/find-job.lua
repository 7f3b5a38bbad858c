-- find-job: where a job lies. Called by RedisBroker.find, for one queue after the other.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV[1] now (Unix ms) or '' for Redis's clock   ARGV[2] id
-- Returns nothing for one that is unknown or cancelled, else its envelope, the token of its newest lease (or ''), and the ms until
-- it is due (-1 = it is not scheduled).
local jobs, leases, scheduled = KEYS[1], KEYS[2], KEYS[3]
local now, id = tonumber(ARGV[1]), ARGV[2]
if #id ~= 16 then return redis.error_reply('ERR find-job: malformed arguments') end

local envelope = redis.call('HGET', jobs, id)
if not envelope or envelope == '' then return {} end
local token = ''
-- There are no more leases than slots.
for _, member in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
  if member:sub(1, 16) == id and member:sub(17) > token then token = member:sub(17) end
end
local due = -1
for _, score in ipairs(redis.call('ZMSCORE', scheduled, id .. '\0', id .. '\1', id .. '\2', id .. '\3')) do
  if score then
    if not now then
      local time = redis.call('TIME')
      now = time[1] * 1000 + math.floor(time[2] / 1000)
    end
    due = math.max(0, score - now)
  end
end
return {envelope, token, due}
