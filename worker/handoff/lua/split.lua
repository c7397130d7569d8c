-- Splits a claim that was begun too often into claims of one document each, so that the one to blame stands alone.
-- Header: claim_id; attempts, that the parts begin with; task: queue, and envelope with @CLAIM@ and @COUNT@.
-- Returns the number of parts.
local header = cjson.decode(ARGV[1])
local documents = redis.call('LRANGE', CLAIM_STEM .. header.claim_id, 0, -1)
local deadline = now_ms() + DEADLINE_MS
for i, document in ipairs(documents) do
  local id = header.claim_id .. '.' .. i
  redis.call('RPUSH', CLAIM_STEM .. id, document)
  redis.call('ZADD', CLAIMS, deadline, id)
  redis.call('HSET', ATTEMPTS, id, header.attempts)
  local envelope = string.gsub(header.task.envelope, '@CLAIM@', id)
  redis.call('LPUSH', header.task.queue, (string.gsub(envelope, '@COUNT@', '1')))
end
redis.call('DEL', CLAIM_STEM .. header.claim_id)
redis.call('ZREM', CLAIMS, header.claim_id)
redis.call('HDEL', ATTEMPTS, header.claim_id)
return #documents
