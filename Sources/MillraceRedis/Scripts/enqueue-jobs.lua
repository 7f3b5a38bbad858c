-- enqueue-jobs: make new jobs takeable, or due after their delay. Called by RedisBroker.enqueue.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV[1] now (Unix ms) or '' for Redis's clock   ARGV[2] lanes, a byte for each job, with 4 added for a suspect
-- ARGV[3] delays (ms), 8 bytes for each job with the big end first, 0 = ready; or '' when all jobs are ready
-- ARGV[4] last tokens, 17 bytes for each job, zeros for none; or '' for none at all
-- ARGV[5…] id and envelope of each job, at most 500
-- Returns one number per job: 1 = enqueued, 0 = known, -1 = busy (it is leased, or its cancelled entry is still there).
-- A job that is ready and waits for a time of before (an operator has opened it again) goes to its lane at once.
-- A lease may end with the job's removal, whatever the ledger says of the job by then: what is leased is not known for good.
-- An entry comes before its envelope: alone it is dropped by whoever meets it, an envelope alone would stay for ever. And
-- it comes before the old one goes: in two places a job is found again.
local jobs, leases, scheduled, bell, quarantine = KEYS[1], KEYS[2], KEYS[3], KEYS[5], KEYS[10]
local now, lanes, delays, tokens = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local count = #lanes
if count < 1 or count > 500 or #ARGV ~= 4 + 2 * count or lanes:find('[^%z\1-\7]')
  or (#delays ~= 0 and #delays ~= 8 * count) or (#tokens ~= 0 and #tokens ~= 17 * count) then
  return redis.error_reply('ERR enqueue-jobs: malformed arguments')
end
local ids = {}
for i = 1, count do
  local id = ARGV[2 * i + 3]
  if #id ~= 16 or ARGV[2 * i + 4] == '' then return redis.error_reply('ERR enqueue-jobs: malformed job ' .. i) end
  ids[i] = id
end

local known = redis.call('HMGET', jobs, unpack(ids))
local answers, fields, due, ready, suspects, moved, seen, leased = {}, {}, {}, {}, {}, {}, {}, nil
local function delay_of(i) return delays == '' and 0 or struct.unpack('>I8', delays, 8 * i - 7) end
local function make_takeable(id, lane)
  if lane > 3 then
    suspects[#suspects + 1] = id .. string.char(lane % 4)
  else
    local entries = ready[lane]
    if entries then entries[#entries + 1] = id else ready[lane] = {id} end
  end
end
for i = 1, count do
  if known[i] and known[i] ~= '' then
    -- There are no more leases than slots.
    leased = {}
    for _, member in ipairs(redis.call('ZRANGE', leases, 0, -1)) do leased[member:sub(1, 16)] = true end
    break
  end
end
for i = 1, count do
  local id = ids[i]
  if known[i] == '' or known[i] and leased[id] or tokens ~= '' and redis.call('ZSCORE', leases, id .. tokens:sub(17 * i - 16, 17 * i)) then
    answers[i] = -1
  elseif seen[id] then
    answers[i] = 0
  elseif known[i] then
    answers[i] = 0
    local places = {id .. '\0', id .. '\1', id .. '\2', id .. '\3'}
    local due_at = delay_of(i) == 0 and redis.call('ZMSCORE', scheduled, unpack(places)) or {}
    for place = 1, 4 do
      if due_at[place] then
        answers[i] = 1
        seen[id] = true
        moved[#moved + 1] = places[place]
      end
    end
    if seen[id] then make_takeable(id, lanes:byte(i)) end
  else
    answers[i] = 1
    seen[id] = true
    fields[#fields + 1] = id
    fields[#fields + 1] = ARGV[2 * i + 4]
    local lane, delay = lanes:byte(i), delay_of(i)
    if delay > 0 then
      due[#due + 1] = delay
      due[#due + 1] = id .. string.char(lane % 4)
    else
      make_takeable(id, lane)
    end
  end
end

if #fields == 0 and #moved == 0 then return answers end
for lane = 0, 3 do
  if ready[lane] then redis.call('RPUSH', KEYS[lane + 6], unpack(ready[lane])) end
end
if #suspects > 0 then redis.call('RPUSH', quarantine, unpack(suspects)) end
if #due > 0 then
  if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  for i = 1, #due, 2 do due[i] = now + due[i] end
  redis.call('ZADD', scheduled, unpack(due))
end
if #moved > 0 then redis.call('ZREM', scheduled, unpack(moved)) end
if #fields > 0 then redis.call('HSET', jobs, unpack(fields)) end
if next(ready) and redis.call('EXISTS', bell) == 0 then redis.call('RPUSH', bell, 1) end
return answers
