-- Moves up to ARGV.n documents from one or more lists to a claim, and enqueues the task that will work on it.
-- KEYS: 1 claim, 2 index of claims, 3 work queue, 4 dispatch queue, 5... source lists, first one first
-- ARGV: 1 claim id, 2 most documents, 3 most bytes, 4 deadline in ms, 5 longest work queue, 6 longest dispatch queue,
--       7 the task's envelope with @COUNT@ for the number of documents
-- Returns the number of documents; -1: enough work is queued; -2: the dispatch queue is full.
local most, most_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local STEP = 1000  -- in steps, since Lua's stack bounds how many values unpack gives

if redis.call('LLEN', KEYS[3]) >= tonumber(ARGV[5]) then return -1 end
local longest = tonumber(ARGV[6])
if longest > 0 and redis.call('LLEN', KEYS[4]) >= longest then return -2 end

local taken, bytes = 0, 0
for source = 5, #KEYS do
  while taken < most and bytes < most_bytes do
    local documents = redis.call('RPOP', KEYS[source], math.min(STEP, most - taken))
    if not documents then break end
    local kept = 0
    while kept < #documents and bytes < most_bytes do
      kept = kept + 1
      bytes = bytes + #documents[kept]
    end
    for i = #documents, kept + 1, -1 do redis.call('RPUSH', KEYS[source], documents[i]) end
    redis.call('RPUSH', KEYS[1], unpack(documents, 1, kept))
    taken = taken + kept
    if #documents < STEP then break end
  end
end
if taken == 0 then return 0 end

local now = redis.call('TIME')
redis.call('ZADD', KEYS[2], now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[4], ARGV[1])
redis.call('LPUSH', KEYS[3], (string.gsub(ARGV[7], '@COUNT@', tostring(taken))))
return taken
