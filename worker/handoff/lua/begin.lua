-- Begins work on a claim: renews its deadline, counts the attempt, gives its documents.
-- Header: claim_id, most_bytes (nil: any number).
-- Returns {attempt, documents}, or nothing where the claim has been settled; {-1} where it is longer, and is not begun.
local header = cjson.decode(ARGV[1])
local documents = redis.call('LRANGE', CLAIM_STEM .. header.claim_id, 0, -1)
if #documents == 0 then return false end
if header.most_bytes then
  local bytes = 0
  for i = 1, #documents do bytes = bytes + #documents[i] end
  if bytes > header.most_bytes then return {-1} end
end
redis.call('ZADD', CLAIMS, now_ms() + DEADLINE_MS, header.claim_id)
return {redis.call('HINCRBY', ATTEMPTS, header.claim_id, 1), documents}
