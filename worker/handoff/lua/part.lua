-- Parts a queue that is longer than a claim by account, a claim's worth at a time: who sent much of it has a line, and the
-- rest goes into the line of all others. They wait there as claims, with a deadline far away: who takes one up sets its own.
-- Header: claim_id, which all those of the claims are but for its last digits; sources, lists, the first one first; most, documents; most_bytes;
--         lines, line_stem; of_tasks, whether they are task messages; rounds, how often at the most.
-- Returns whether there is more to part.
local header, made = cjson.decode(ARGV[1]), 0
local deadline = now_ms() + WAITING_MS
local account_of = account_reader(header.of_tasks)

local function longer_than_a_claim()
  for _, source in ipairs(header.sources) do
    if redis.call('LLEN', source) >= header.most then return source end
  end
end

local function new_id()
  made = made + 1
  local id = string.sub(header.claim_id, 1, -5) .. string.format('%04x', made)  -- in the form of every claim's id
  -- The index first: a Redis whose memory is full refuses this, but not to take documents off their list.
  redis.call('ZADD', CLAIMS, deadline, id)
  return id
end

-- A claim's worth of documents by account, those that do not say whose they are, and how many there are in all.
local function taken_from(source)
  local by_account, others, taken, bytes = {}, {}, 0, 0
  while taken < header.most and bytes < header.most_bytes do
    local documents, kept, kept_bytes, more = take(source, header.most - taken, header.most_bytes - bytes)
    if not documents then break end
    for i = 1, kept do
      local account, list = account_of(documents[i]), others
      if account then
        list = by_account[account] or {}
        by_account[account] = list
      end
      list[#list + 1] = documents[i]
    end
    taken, bytes = taken + kept, bytes + kept_bytes
    if not more then break end
  end
  return by_account, others, taken
end

local function wait_in(line, id, documents)
  for from = 1, #documents, STEP do
    redis.call('RPUSH', CLAIM_STEM .. id, unpack(documents, from, math.min(#documents, from + STEP - 1)))
  end
  return redis.call('LPUSH', header.line_stem .. line, id)
end

-- Parts a claim's worth; whether somebody had sent much of it.
local function part(source)
  local others_id, with_line = new_id(), 0
  local by_account, others, taken = taken_from(source)
  for account, documents in pairs(by_account) do
    if #documents * SHARE >= taken then
      with_line = with_line + 1
      if wait_in(account, new_id(), documents) == 1 then redis.call('LPUSH', header.lines, account) end
    else
      for i = 1, #documents do others[#others + 1] = documents[i] end
    end
  end
  if #others > 0 then
    wait_in('', others_id, others)
  else
    redis.call('ZREM', CLAIMS, others_id)
  end
  return with_line > 0
end

for _ = 1, header.rounds do
  local source = longer_than_a_claim()
  if not source or not part(source) then return 0 end
end
return longer_than_a_claim() and 1 or 0
