-- Hands off one chunk of a campaign batch, once for each batch, and counts the campaign's progress with it.
-- KEYS: 1 chunks of the batch by who settled them, 2 claim that is worked on ('' where there is none),
--       3 dispatch queue, 4 parked outbox, 5 counts, 6 stem of the seen-buckets, 7 progress ('' where nobody knows whose),
--       8 accounts by campaign, 9 events queue, or the list of events that wait for another broker,
--       10 reserved marks, 11... where single messages wait
-- ARGV: 1 chunk, 2 id of the work, 3 chunks of the batch, 4 seconds of the idempotency window, 5 number of messages,
--       6 number of parked, 7 recipients of the chunk, 8 seconds that progress is kept, 9 total batches ('' unknown),
--       10 account id, 11 campaign id, 12 longest events queue, 13 the time, 14 why the part had been parked ('' no part),
--       15 and 16 dispatched and dropped already, by another broker; 17 number of pairs,
--       18 number of marks of what another broker has taken, then those marks, pairs of parking code and number,
--       the envelopes of the messages, their marks, id and record of each parked
-- Returns {outcome, dispatched, duplicates, queues of single messages that are not empty, completed}; outcome 0: settled before by the same work,
--         1: settled now, 2: settled before by another delivery of the batch.
local ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

-- Redis gives Lua no base64; this runs once a campaign.
local function base64(text)
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = string.byte(text, i, i + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    for place = 3, 0, -1 do
      local digit = math.floor(bits / 64 ^ place) % 64
      out[#out + 1] = string.sub(ALPHABET, digit + 1, digit + 1)
    end
    if not b then out[#out - 1] = '=' end
    if not c then out[#out] = '=' end
  end
  return table.concat(out)
end

local waiting = redis.call('EXISTS', unpack(KEYS, 11))
local owner = redis.call('HGET', KEYS[1], ARGV[1])
if owner == ARGV[2] or (KEYS[2] ~= '' and redis.call('EXISTS', KEYS[2]) == 0) then return {0, 0, 0, waiting, 0} end

local rows, progress = tonumber(ARGV[7]), KEYS[7]
local function add(field, number)
  if progress ~= '' and number ~= 0 then redis.call('HINCRBY', progress, field, number) end
end

if owner then
  if redis.call('HSETNX', KEYS[1], ARGV[1] .. '/' .. ARGV[2], 1) == 1 then
    add('duplicates', rows)
    count(KEYS[5], 0, 0, rows)
  end
  return {2, 0, rows, waiting, 0}
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if progress ~= '' and redis.call('HSETNX', progress, 'started_at', ARGV[13]) == 1 then
  redis.call('SADD', KEYS[8], ARGV[10])
  redis.call('EXPIRE', KEYS[8], ARGV[8])
end

local n, parked, pairs_given, taken = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[17]), tonumber(ARGV[18])
local at = 19
remember(KEYS[6], KEYS[10], tonumber(ARGV[4]), at, taken)
at = at + taken
for i = at, at + 2 * pairs_given - 1, 2 do add('parked:' .. ARGV[i], tonumber(ARGV[i + 1])) end
at = at + 2 * pairs_given
local duplicates = dispatch(KEYS[3], KEYS[6], tonumber(ARGV[4]), at, n)
park(KEYS[4], at + 2 * n, parked)
local dispatched = n - duplicates + ARGV[15]
duplicates = duplicates + ARGV[16]
count(KEYS[5], dispatched, parked, duplicates)
add('dispatched', dispatched)
add('duplicates', duplicates)

local is_part = ARGV[14] ~= ''
if is_part then add('parked:' .. ARGV[14], -1) end

local chunks = tonumber(ARGV[3])
local last = chunks == 1 or redis.call('HINCRBY', KEYS[1], 'settled', 1) == chunks
if not last then return {1, dispatched, duplicates, waiting, 0} end
redis.call('EXPIRE', KEYS[1], ARGV[8])
if is_part or progress == '' then return {1, dispatched, duplicates, waiting, 0} end

local batches = redis.call('HINCRBY', progress, 'batches', 1)
-- Who does not know the total beforehand tells it with the last batch, which others may settle after.
local total = tonumber(ARGV[9]) or tonumber(redis.call('HGET', progress, 'total_batches') or '')
if batches % 64 == 1 or batches == total then redis.call('EXPIRE', progress, ARGV[8]) end
if not total then
  redis.call('HSET', progress, 'updated_at', ARGV[13])
  return {1, dispatched, duplicates, waiting, 0}
end
redis.call('HSET', progress, 'updated_at', ARGV[13], 'total_batches', total)
if batches < total or redis.call('HSETNX', progress, 'completed_at', ARGV[13]) == 0 then
  return {1, dispatched, duplicates, waiting, 0}
end

if KEYS[9] ~= '' then
  local event = {schema = 1, event = 'campaign.completed', at = ARGV[13], account_id = ARGV[10], campaign_id = ARGV[11]}
  for _, name in ipairs({'dispatched', 'duplicates', 'batches', 'total_batches'}) do
    event[name] = tonumber(redis.call('HGET', progress, name) or '0')
  end
  local parked_by_code, received = {}, event.dispatched + event.duplicates
  local fields = redis.call('HGETALL', progress)
  for i = 1, #fields, 2 do
    local code, number = string.match(fields[i], '^parked:(.+)$'), tonumber(fields[i + 1])
    if code and number and number > 0 then
      parked_by_code[code] = number
      received = received + number
    end
  end
  event.parked, event.received = parked_by_code, received
  redis.call('LPUSH', KEYS[9], cjson.encode({
    body = base64(cjson.encode(event)),
    ['content-encoding'] = 'utf-8',
    ['content-type'] = 'application/json',
    headers = {},
    properties = {
      delivery_mode = 2,
      delivery_info = {exchange = '', routing_key = KEYS[9]},
      priority = 0,
      body_encoding = 'base64',
      delivery_tag = ARGV[2] .. '-completed',
    },
  }))
  redis.call('LTRIM', KEYS[9], 0, ARGV[12] - 1)
end
return {1, dispatched, duplicates, waiting, 1}
