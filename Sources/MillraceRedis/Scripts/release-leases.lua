-- release-leases: end leases and put their jobs back at the head of their lanes. Called by RedisBroker.release.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV    id + token, 1 to 500
-- Returns one number per lease: 1 = put back, 2 = held, but its job was cancelled, 0 = not held, and nothing was done.
if #ARGV == 0 or #ARGV > 500 then return redis.error_reply('ERR release-leases: 1 to 500 leases, not ' .. #ARGV) end
for i, member in ipairs(ARGV) do
  if #member ~= 33 or member:byte(33) > 3 then return redis.error_reply('ERR release-leases: malformed lease ' .. i) end
end

local held = redis.call('ZMSCORE', leases, unpack(ARGV))
local answers, members = {}, {}
for i, member in ipairs(ARGV) do
  answers[i] = held[i] and not members[member] and 1 or 0
  if answers[i] == 1 then
    members[member] = true
    members[#members + 1] = member
  end
end
if #members > 0 then
  local dropped = putBack(members)
  for i, member in ipairs(ARGV) do
    if answers[i] == 1 and dropped[member] then answers[i] = 2 end
  end
end
return answers
