-- Enqueues again the claims whose deadline has passed: their task was lost, killed, or told to wait.
-- KEYS: 1 index of claims, 2 work queue, 3 work queue of campaigns
-- ARGV: 1 stem of the claims' keys, 2 new deadline in ms, 3 most claims,
--       4 and 5 the tasks' envelopes with @CLAIM@ and @COUNT@, for either queue
-- Returns the ids.
local now = redis.call('TIME')
local moment = now[1] * 1000 + math.floor(now[2] / 1000)
local recovered = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', moment, 'LIMIT', 0, ARGV[3])) do
  local count = redis.call('LLEN', ARGV[1] .. id)
  if count == 0 then
    redis.call('ZREM', KEYS[1], id)
  else
    local kind = string.sub(id, 1, 8) == 'campaign' and 1 or 0
    redis.call('ZADD', KEYS[1], moment + ARGV[2], id)
    local envelope = string.gsub(ARGV[4 + kind], '@CLAIM@', id)
    redis.call('LPUSH', KEYS[2 + kind], (string.gsub(envelope, '@COUNT@', tostring(count))))
    recovered[#recovered + 1] = id
  end
end
return recovered
