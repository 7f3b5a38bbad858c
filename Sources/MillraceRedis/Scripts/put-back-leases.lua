-- put-back-leases: what release-leases and reclaim-leases have in common; it stands before each of them.
-- Puts the jobs of held leases at the head of their lanes, the first of them foremost, and ends the leases.
-- Jobs that were cancelled are dropped. An entry comes before its lease goes: in two places a job is found again.
local jobs, leases, bell = KEYS[1], KEYS[2], KEYS[5]

-- Returns the members that were dropped, as keys of a table, and how many were not.
local function putBack(members)
  local entries, empty, dropped = {{}, {}, {}, {}}, {}, {}
  for i = #members, 1, -1 do
    local id, lane = members[i]:sub(1, 16), entries[(members[i]:byte(33) or 4) + 1]
    if lane and redis.call('HSTRLEN', jobs, id) > 0 then
      lane[#lane + 1] = id
    else
      empty[#empty + 1] = id
      dropped[members[i]] = true
    end
  end
  redis.call('ZREM', leases, '')  -- a removal first lets the script run at maxmemory
  for lane = 1, 4 do
    if #entries[lane] > 0 then redis.call('LPUSH', KEYS[lane + 5], unpack(entries[lane])) end
  end
  if #empty > 0 then redis.call('HDEL', jobs, unpack(empty)) end
  redis.call('ZREM', leases, unpack(members))
  if #empty < #members and redis.call('EXISTS', bell) == 0 then redis.call('RPUSH', bell, 1) end
  return dropped, #members - #empty
end
