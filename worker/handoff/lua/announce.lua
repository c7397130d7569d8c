-- Tells of parked messages whose record is safe in SQL, each once: only who removes it from the outbox tells of it.
-- Lists: id and notice of each.
-- Returns the number of notices.
local told = 0
for i = 1, #ARGV, 2 do
  if redis.call('HDEL', OUTBOX, ARGV[i]) == 1 then
    redis.call('LPUSH', PARKED_QUEUE, ARGV[i + 1])
    told = told + 1
  end
end
return told
