-- Puts work on a claim off, as no failure: its attempts are forgotten, and it is taken up at the deadline, or by the next
-- claimer where it gave way.
-- KEYS: 1 claim, 2 index of claims, 3 attempts by claim, 4 claims that gave way ('' to wait for the deadline)
-- ARGV: 1 claim id, 2 deadline in ms
-- Returns 1, or 0 where the claim has been settled.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local now = redis.call('TIME')
redis.call('ZADD', KEYS[2], now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if KEYS[4] ~= '' then redis.call('LPUSH', KEYS[4], ARGV[1]) end
return 1
