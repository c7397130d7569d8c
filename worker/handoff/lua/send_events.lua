-- Sends events that wait in the outbox, each once: only who removes one there sends it. Those beyond the longest queue
-- drop out of it, the oldest first.
-- Lists: record in the outbox and envelope of each, the oldest first.
-- Returns the number of events sent.
local sent = 0
for i = 1, #ARGV, 2 do
  if redis.call('LREM', EVENT_OUTBOX, -1, ARGV[i]) == 1 then
    redis.call('LPUSH', EVENTS_QUEUE, ARGV[i + 1])
    sent = sent + 1
  end
end
redis.call('LTRIM', EVENTS_QUEUE, 0, EVENTS_MAX_LENGTH - 1)
return sent
