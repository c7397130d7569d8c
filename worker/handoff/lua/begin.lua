-- Begins work on a claim: renews its deadline, counts the attempt, gives its documents.
-- KEYS: 1 claim, 2 index of claims, 3 attempts by claim
-- ARGV: 1 claim id, 2 deadline in ms
-- Returns {attempt, documents}, or nothing where the claim has been settled.
local documents = redis.call('LRANGE', KEYS[1], 0, -1)
if #documents == 0 then return false end
local now = redis.call('TIME')
redis.call('ZADD', KEYS[2], now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[2], ARGV[1])
return {redis.call('HINCRBY', KEYS[3], ARGV[1], 1), documents}
