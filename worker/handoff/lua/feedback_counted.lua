-- Whether documents that RabbitMQ delivers again were counted by a worker that could not acknowledge them any more.
-- Lists: a digest of each document.
-- Returns for each digest how many such documents were counted.
local counted = {}
for i = 1, #ARGV do counted[i] = 0 end
redis.call('ZREMRANGEBYSCORE', FEEDBACK_CONNECTIONS, '-inf', now_ms() - 1000 * FEEDBACK_DOUBT_S)
for _, connection in ipairs(redis.call('ZRANGE', FEEDBACK_CONNECTIONS, 0, -1)) do
  for i = 1, #ARGV do
    counted[i] = counted[i] + (tonumber(redis.call('HGET', FEEDBACK_COUNTED_STEM .. connection, ARGV[i])) or 0)
  end
end
return counted
