-- queue-status: count what lies in a queue. Called by RedisBroker.status.
-- KEYS    a queue's, in the order of KeySpace
-- Returns the number of leases and of scheduled jobs, epoch, paused and cancelled (each as in meta, or nil),
-- the lengths of the four lanes and of the suspects', and the ids at the heads of the four (or nil).
local leases, scheduled, meta = KEYS[2], KEYS[3], KEYS[4]
local settings = redis.call('HMGET', meta, 'epoch', 'paused', 'cancelled')
local answer = {redis.call('ZCARD', leases), redis.call('ZCARD', scheduled), settings[1], settings[2], settings[3]}
answer[10] = redis.call('LLEN', KEYS[10])
for lane = 1, 4 do
  answer[lane + 5] = redis.call('LLEN', KEYS[lane + 5])
  answer[lane + 10] = redis.call('LINDEX', KEYS[lane + 5], 0)
end
return answer
