-- configure-queue: write copies of a queue's settings. Called by RedisBroker.configure.
-- KEYS    a queue's, in the order of KeySpace
-- ARGV[1] '1' = paused, '0' = not   ARGV[2] epoch, or '' to leave it as it is
-- Returns 1.
local meta, bell = KEYS[4], KEYS[5]
local paused, epoch = ARGV[1], ARGV[2]
if paused ~= '0' and paused ~= '1' then return redis.error_reply('ERR configure-queue: malformed arguments') end

redis.call('HDEL', meta, '')  -- a removal first lets the script run at maxmemory
redis.call('HSET', meta, 'paused', paused)
if epoch ~= '' then redis.call('HSET', meta, 'epoch', epoch) end
if paused == '0' and redis.call('EXISTS', unpack(KEYS, 6, 9)) > 0 and redis.call('EXISTS', bell) == 0 then
  redis.call('RPUSH', bell, 1)
end
return 1
