-- Moves up to ARGV.n documents from one or more lists to a claim, or takes up a claim that gave way.
-- KEYS: 1 claim, 2 index of claims, 3 dispatch queue, 4 claims that gave way ('' where none does), 5... source lists,
--       first one first
-- ARGV: 1 claim id, 2 most documents, 3 most bytes, 4 deadline in ms, 5 longest dispatch queue, 6 stem of the claims' keys
-- Returns {claim id, number of documents}; number 0: nothing waits; -1: the dispatch queue is full.
local most, most_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local STEP = 4000  -- in steps, since Lua's stack bounds how many values unpack gives

local longest = tonumber(ARGV[5])
if longest > 0 and redis.call('LLEN', KEYS[3]) >= longest then return {'', -1} end

local function claimed(id, count)
  local now = redis.call('TIME')
  redis.call('ZADD', KEYS[2], now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[4], id)
  return {id, count}
end

if KEYS[4] ~= '' then
  local id = redis.call('RPOP', KEYS[4])
  while id do
    local count = redis.call('LLEN', ARGV[6] .. id)
    if count > 0 then return claimed(id, count) end
    id = redis.call('RPOP', KEYS[4])
  end
end

local taken, bytes = 0, 0
for source = 5, #KEYS do
  while taken < most and bytes < most_bytes do
    local asked = math.min(STEP, most - taken)
    local documents = redis.call('RPOP', KEYS[source], asked)
    if not documents then break end
    local kept = 0
    while kept < #documents and bytes < most_bytes do
      kept = kept + 1
      bytes = bytes + #documents[kept]
    end
    for i = #documents, kept + 1, -1 do redis.call('RPUSH', KEYS[source], documents[i]) end
    redis.call('RPUSH', KEYS[1], unpack(documents, 1, kept))
    taken = taken + kept
    if #documents < asked then break end
  end
end
if taken == 0 then return {'', 0} end
return claimed(ARGV[1], taken)
