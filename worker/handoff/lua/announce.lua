-- Tells of parked messages whose record is safe in SQL, each once: only who removes it from the outbox tells of it.
-- KEYS: 1 parked outbox, 2 parked queue
-- ARGV: id and notice of each
-- Returns the number of notices.
local told = 0
for i = 1, #ARGV, 2 do
  if redis.call('HDEL', KEYS[1], ARGV[i]) == 1 then
    redis.call('LPUSH', KEYS[2], ARGV[i + 1])
    told = told + 1
  end
end
return told
