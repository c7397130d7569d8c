-- Put before the scripts that take documents off a queue.
local STEP = 4000  -- in steps, since Lua's stack bounds how many values unpack gives

-- Takes at most `most` documents off a list, the oldest first, until they are `most_bytes` long in all; the last one may
-- exceed it. Gives them, in a table that may hold more, their number, their bytes, and whether the list may hold more.
local function take(source, most, most_bytes)
  local asked = math.min(STEP, most)
  local documents = redis.call('RPOP', source, asked)
  if not documents then return nil end
  local kept, bytes = 0, 0
  while kept < #documents and bytes < most_bytes do
    kept = kept + 1
    bytes = bytes + #documents[kept]
  end
  for i = #documents, kept + 1, -1 do redis.call('RPUSH', source, documents[i]) end
  return documents, kept, bytes, #documents == asked
end
