-- known-jobs: which ids Redis knows, in whatever place, cancelled entries included. Called by RedisBroker.knows.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV    ids, at most 500
-- Returns one number per id: 1 = known, 0 = not. HMGET would be one call, and would copy the envelopes.
local jobs = KEYS[1]
if #ARGV > 500 then return redis.error_reply('ERR known-jobs: at most 500 ids, not ' .. #ARGV) end
local answers = {}
for i, id in ipairs(ARGV) do answers[i] = redis.call('HEXISTS', jobs, id) end
return answers
