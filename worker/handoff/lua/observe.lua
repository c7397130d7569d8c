-- Looks at queues: how many documents wait on each, and how long the oldest has waited at the most.
-- Producers say nothing of when they sent, so it is seen from outside. Documents leave a queue in the order in which they came;
-- who takes some says how many. So it is known how many have gone, and with what is there, how many have come. At each look it
-- is kept how many had come by then: the oldest that waits came after the last look at which no more had come than have gone.
-- Header: queues: name, of each; length, where it is no list of this Redis; told, what is known of it: `taken`, how many
--         documents we took; `filled`, how many we put there; `dispatched`, the same, and the hand-off counts them; nothing:
--         its age is not asked for; lines, line_stem, where documents wait that were parted from it; added, how many more those are since whoever asks said so last.
-- Returns {length, age in ms, -1: not asked for} of each queue, then claims, claims past their deadline, parked records that
-- wait for SQL, campaigns in flight, and key, settled batches and all batches of those that were last at it.
local header, now = cjson.decode(ARGV[1]), now_ms()
local MOST_LOOKS = 256
local LEAST_MS = 900
local LIVES_S = 604800

local function look(pushed) return string.format('%.0f:%.0f', pushed, now) end

local function parts_of(entry)
  local pushed, ms = string.match(entry or '', '^(%-?%d+):(%d+)$')
  return tonumber(pushed), tonumber(ms)
end

-- Every second look goes, but for the first and the last two.
local function thin_out(key)
  local entries, kept = redis.call('LRANGE', key, 0, -1), {}
  for i = 1, #entries do
    if i % 2 == 1 or i >= #entries - 1 then kept[#kept + 1] = entries[i] end
  end
  redis.call('DEL', key)
  redis.call('RPUSH', key, unpack(kept))
end

local function age_of(name, length, gone)
  local key = ARRIVALS_STEM .. name
  local last, last_ms = parts_of(redis.call('LINDEX', key, -1))
  if length == 0 then
    redis.call('DEL', key)
    redis.call('RPUSH', key, look(gone))
    redis.call('EXPIRE', key, LIVES_S)
    return 0
  end
  if not last then redis.call('RPUSH', key, look(gone)) end
  local pushed = math.max(gone + length, last or 0)
  gone = pushed - length
  if pushed == last then
    redis.call('LSET', key, -1, look(pushed))
  elseif not last or now - last_ms >= LEAST_MS then
    redis.call('RPUSH', key, look(pushed))
  end
  redis.call('EXPIRE', key, LIVES_S)
  while (parts_of(redis.call('LINDEX', key, 1)) or math.huge) <= gone do redis.call('LPOP', key) end
  if redis.call('LLEN', key) > MOST_LOOKS then thin_out(key) end
  local _, since = parts_of(redis.call('LINDEX', key, 0))
  return math.max(0, now - since)
end

local function total(queue)
  if queue.told == 'dispatched' then return tonumber(redis.call('HGET', COUNTS, 'dispatched') or '0') end
  return redis.call('HINCRBY', INTAKE, queue.told .. ':' .. queue.name, queue.added or 0)
end

-- How many documents were parted from a queue and wait, as claims, for their turn.
local function in_lines(queue)
  local accounts, number = redis.call('LRANGE', queue.lines, 0, -1), 0
  accounts[#accounts + 1] = ''
  for _, account in ipairs(accounts) do
    for _, id in ipairs(redis.call('LRANGE', queue.line_stem .. account, 0, -1)) do
      number = number + redis.call('LLEN', CLAIM_STEM .. id)
    end
  end
  return number
end

local answer = {}
for _, queue in ipairs(header.queues) do
  local length, age = queue.length or redis.call('LLEN', queue.name), -1
  if queue.lines then length = length + in_lines(queue) end
  if queue.told == 'taken' then
    age = age_of(queue.name, length, total(queue))
  elseif queue.told then
    age = age_of(queue.name, length, total(queue) - length)
  end
  answer[#answer + 1] = {length, age}
end
answer[#answer + 1] = redis.call('ZCARD', CLAIMS)
answer[#answer + 1] = redis.call('ZCOUNT', CLAIMS, '-inf', now)
answer[#answer + 1] = redis.call('HLEN', OUTBOX)

-- Of campaigns that nobody has gone on with for a day, none will.
local DAY_MS = 86400000
local MOST_KEPT = 1000
local MOST_TOLD = 20
redis.call('ZREMRANGEBYSCORE', IN_FLIGHT, '-inf', now - DAY_MS)
redis.call('ZREMRANGEBYRANK', IN_FLIGHT, 0, -1 - MOST_KEPT)
answer[#answer + 1] = redis.call('ZCARD', IN_FLIGHT)
local campaigns = {}
for _, key in ipairs(redis.call('ZREVRANGE', IN_FLIGHT, 0, MOST_TOLD - 1)) do
  local counts = redis.call('HMGET', key, 'batches', 'total_batches')
  campaigns[#campaigns + 1] = {key, tonumber(counts[1] or '0'), tonumber(counts[2] or '0')}
end
answer[#answer + 1] = campaigns
return answer
