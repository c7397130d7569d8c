-- Splits a claim that was begun too often into claims of one document each, so that the one to blame stands alone.
-- KEYS: 1 claim, 2 index of claims, 3 attempts by claim, 4 work queue
-- ARGV: 1 claim id, 2 stem of the claims' keys, 3 deadline in ms, 4 attempts that the parts begin with,
--       5 the task's envelope with @CLAIM@ and @COUNT@
-- Returns the number of parts.
local documents = redis.call('LRANGE', KEYS[1], 0, -1)
local now = redis.call('TIME')
local deadline = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[3]
for i, document in ipairs(documents) do
  local id = ARGV[1] .. '.' .. i
  redis.call('RPUSH', ARGV[2] .. id, document)
  redis.call('ZADD', KEYS[2], deadline, id)
  redis.call('HSET', KEYS[3], id, ARGV[4])
  local envelope = string.gsub(ARGV[5], '@CLAIM@', id)
  redis.call('LPUSH', KEYS[4], (string.gsub(envelope, '@COUNT@', '1')))
end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
return #documents
