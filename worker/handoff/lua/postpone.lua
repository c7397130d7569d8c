-- Puts work on a claim off, as no failure: its attempts are forgotten, and it is taken up at the deadline, or by the next
-- claimer where it gave way.
-- Header: claim_id, delay_ms, gives_way.
-- Returns 1, or 0 where the claim has been settled.
local header = cjson.decode(ARGV[1])
if redis.call('EXISTS', CLAIM_STEM .. header.claim_id) == 0 then return 0 end
redis.call('ZADD', CLAIMS, now_ms() + header.delay_ms, header.claim_id)
redis.call('HDEL', ATTEMPTS, header.claim_id)
if header.gives_way then redis.call('LPUSH', GAVE_WAY, header.claim_id) end
return 1
