-- Enqueues again the claims whose deadline has passed: their task was lost, killed, or told to wait.
-- KEYS: 1 index of claims, 2 work queue, 3 work queue of campaigns
-- ARGV: 1 stem of the claims' keys, 2 new deadline in ms, 3 most claims,
--       4 and 5 the tasks' envelopes with @CLAIM@ and @COUNT@, for either queue,
--       6... the lanes that this version knows: claims of any other are a newer version's, and are left to it
-- Returns the ids.
local known = {}
for i = 6, #ARGV do known[ARGV[i]] = true end
local now = redis.call('TIME')
local moment = now[1] * 1000 + math.floor(now[2] / 1000)
local most, due, at = tonumber(ARGV[3]), {}, 0
repeat
  local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', moment, 'LIMIT', at, most)
  for _, id in ipairs(ids) do
    if #due < most and known[string.match(id, '^([%l_]+)%-')] then due[#due + 1] = id end
  end
  at = at + #ids
until #ids < most or #due == most or at >= 100 * most

local recovered = {}
for _, id in ipairs(due) do
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
