-- Moves documents from one or more lists to a claim, or takes up a claim that gave way or waits in a line.
-- Header: claim_id; sources, lists, the first one first; most, documents; most_bytes; takes_up, whether a claim that gave
--         way comes first; lines, line_stem, of_tasks, where long queues are parted by account; lines_first, whether it is
--         the turn of an account that has a line.
-- Returns {claim id, number of documents, whether the queue is to be parted}; number 0: nothing waits; -1: the dispatch
-- queue is full.
local header = cjson.decode(ARGV[1])

if DISPATCH_MAX_LENGTH > 0 and redis.call('LLEN', DISPATCH_QUEUE) >= DISPATCH_MAX_LENGTH then return {'', -1, 0} end

local function claimed(id, count)
  redis.call('ZADD', CLAIMS, now_ms() + DEADLINE_MS, id)
  return {id, count, 0}
end

if header.takes_up then
  local id = redis.call('RPOP', GAVE_WAY)
  while id do
    local count = redis.call('LLEN', CLAIM_STEM .. id)
    if count > 0 then return claimed(id, count) end
    id = redis.call('RPOP', GAVE_WAY)
  end
end

-- The claim that has waited longest in a line, nil where none does; those that were worked on meanwhile are none.
local function from_line(account)
  local line = header.line_stem .. account
  local id = redis.call('LINDEX', line, -1)
  while id do
    local count = redis.call('LLEN', CLAIM_STEM .. id)
    local found = count > 0 and claimed(id, count)
    redis.call('RPOP', line)
    if found then
      redis.call('HINCRBY', INTAKE, 'taken:' .. header.sources[1], count)
      return found
    end
    id = redis.call('LINDEX', line, -1)
  end
end

local function from_lines()
  for _ = 1, redis.call('LLEN', header.lines) do
    local account = redis.call('RPOPLPUSH', header.lines, header.lines)
    local found = from_line(account)
    if redis.call('EXISTS', header.line_stem .. account) == 0 then redis.call('LREM', header.lines, 1, account) end
    if found then return found end
  end
end

local in_lines = header.lines and redis.call('EXISTS', header.lines, header.line_stem) > 0
if in_lines then
  local found = header.lines_first and from_lines() or from_line('')
  if found then return found end
end

if redis.call('EXISTS', unpack(header.sources)) == 0 then return in_lines and from_lines() or {'', 0, 0} end
-- The index first: a Redis whose memory is full refuses this, but not to take documents off their list, and work on the
-- claim could not begin.
local found = claimed(header.claim_id, 0)

local claim, taken, bytes, last = CLAIM_STEM .. header.claim_id, 0, 0, nil
for _, source in ipairs(header.sources) do
  while taken < header.most and bytes < header.most_bytes do
    local documents, kept, kept_bytes, more = take(source, header.most - taken, header.most_bytes - bytes)
    if not documents then break end
    redis.call('RPUSH', claim, unpack(documents, 1, kept))
    redis.call('HINCRBY', INTAKE, 'taken:' .. source, kept)
    taken, bytes, last = taken + kept, bytes + kept_bytes, {source, documents, kept}
    if not more then break end
  end
end
found[2] = taken
if header.lines and taken == header.most and redis.call('LLEN', last[1]) >= taken then
  found[3] = is_crowded(last[2], last[3], header.of_tasks) and 1 or 0
end
return found
