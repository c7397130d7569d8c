-- Begins work on a claim: renews its deadline, counts the attempt, gives its documents.
-- Header: claim_id.
-- Returns {attempt, documents}, or nothing where the claim has been settled.
local header = cjson.decode(ARGV[1])
local documents = redis.call('LRANGE', CLAIM_STEM .. header.claim_id, 0, -1)
if #documents == 0 then return false end
redis.call('ZADD', CLAIMS, now_ms() + DEADLINE_MS, header.claim_id)
return {redis.call('HINCRBY', ATTEMPTS, header.claim_id, 1), documents}
