-- Takes documents of receipts to work on: those of a claim past its deadline, else what waits on the list.
-- Header: claim_id, of a new claim; most, documents; most_bytes.
-- Returns {claim id, how often work on it was begun, documents}, or nothing where nothing waits.
local header, now = cjson.decode(ARGV[1]), now_ms()

local function begun(id)
  redis.call('ZADD', FEEDBACK_CLAIMS, now + DEADLINE_MS, id)
  return {id, redis.call('HINCRBY', FEEDBACK_ATTEMPTS, id, 1), redis.call('LRANGE', FEEDBACK_CLAIM_STEM .. id, 0, -1)}
end

local late = redis.call('ZRANGEBYSCORE', FEEDBACK_CLAIMS, '-inf', now, 'LIMIT', 0, 1)[1]
if late then
  if redis.call('EXISTS', FEEDBACK_CLAIM_STEM .. late) == 1 then return begun(late) end
  redis.call('ZREM', FEEDBACK_CLAIMS, late)
end
if redis.call('EXISTS', FEEDBACK_QUEUE) == 0 then return false end
-- The index first: a Redis whose memory is full refuses this, but not to take documents off their list.
redis.call('ZADD', FEEDBACK_CLAIMS, now + DEADLINE_MS, header.claim_id)
local claim, taken, bytes = FEEDBACK_CLAIM_STEM .. header.claim_id, 0, 0
while taken < header.most and bytes < header.most_bytes do
  -- As many as will fit, going by those before: to take many long ones and put most of them back would cost more than the work.
  local fits = taken == 0 and 1 or math.ceil((header.most_bytes - bytes) / (bytes / taken + 1))
  local documents = redis.call('RPOP', FEEDBACK_QUEUE, math.min(fits, header.most - taken))
  if not documents then break end
  local kept = 0
  while kept < #documents and bytes < header.most_bytes do
    kept = kept + 1
    bytes = bytes + #documents[kept]
  end
  for i = #documents, kept + 1, -1 do redis.call('RPUSH', FEEDBACK_QUEUE, documents[i]) end
  redis.call('RPUSH', claim, unpack(documents, 1, kept))
  taken = taken + kept
end
return begun(header.claim_id)
