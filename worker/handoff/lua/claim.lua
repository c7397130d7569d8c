-- Moves documents from one or more lists to a claim, or takes up a claim that gave way.
-- Header: claim_id; sources, lists, the first one first; most, documents; most_bytes; takes_up, whether a claim that gave
--         way comes first.
-- Returns {claim id, number of documents}; number 0: nothing waits; -1: the dispatch queue is full.
local header = cjson.decode(ARGV[1])
local STEP = 4000  -- in steps, since Lua's stack bounds how many values unpack gives

if DISPATCH_MAX_LENGTH > 0 and redis.call('LLEN', DISPATCH_QUEUE) >= DISPATCH_MAX_LENGTH then return {'', -1} end

local function claimed(id, count)
  redis.call('ZADD', CLAIMS, now_ms() + DEADLINE_MS, id)
  return {id, count}
end

if header.takes_up then
  local id = redis.call('RPOP', GAVE_WAY)
  while id do
    local count = redis.call('LLEN', CLAIM_STEM .. id)
    if count > 0 then return claimed(id, count) end
    id = redis.call('RPOP', GAVE_WAY)
  end
end

if redis.call('EXISTS', unpack(header.sources)) == 0 then return {'', 0} end
-- The index first: a Redis whose memory is full refuses this, but not to take documents off their list, and work on the
-- claim could not begin.
local found = claimed(header.claim_id, 0)

local claim, taken, bytes = CLAIM_STEM .. header.claim_id, 0, 0
for _, source in ipairs(header.sources) do
  while taken < header.most and bytes < header.most_bytes do
    local asked = math.min(STEP, header.most - taken)
    local documents = redis.call('RPOP', source, asked)
    if not documents then break end
    local kept = 0
    while kept < #documents and bytes < header.most_bytes do
      kept = kept + 1
      bytes = bytes + #documents[kept]
    end
    for i = #documents, kept + 1, -1 do redis.call('RPUSH', source, documents[i]) end
    redis.call('RPUSH', claim, unpack(documents, 1, kept))
    redis.call('HINCRBY', INTAKE, 'taken:' .. source, kept)
    taken = taken + kept
    if #documents < asked then break end
  end
end
found[2] = taken
return found
