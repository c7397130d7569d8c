-- Hands off one chunk of a campaign batch, once for each batch, and counts the campaign's progress with it.
-- KEYS: 1 chunks of the batch by who settled them, 2 claim that is worked on ('' where there is none),
--       3 dispatch queue, 4 parked outbox, 5 counts, 6 stem of the seen-buckets, 7 progress ('' where nobody knows whose),
--       8 accounts by campaign, 9 events queue ('' where it is not a list of this server), 10 work queue
-- ARGV: 1 chunk, 2 id of the work, 3 chunks of the batch, 4 seconds of the idempotency window, 5 number of messages,
--       6 number of parked, 7 recipients of the chunk, 8 seconds that progress is kept, 9 total batches ('' unknown),
--       10 account id, 11 campaign id, 12 longest events queue, 13 the time, 14 why the part had been parked ('' no part),
--       15 and 16 dispatched and dropped already, by another broker; 17 number of pairs,
--       then pairs of parking code and number, the envelopes of the messages, their marks, id and record of each parked
-- Returns {outcome, dispatched, duplicates, tasks waiting, completed}; outcome 0: settled before by the same work,
--         1: settled now, 2: settled before by another delivery of the batch.
local waiting = redis.call('LLEN', KEYS[10])
local owner = redis.call('HGET', KEYS[1], ARGV[1])
if owner == ARGV[2] or (KEYS[2] ~= '' and redis.call('EXISTS', KEYS[2]) == 0) then return {0, 0, 0, waiting, 0} end

local rows, progress = tonumber(ARGV[7]), KEYS[7]
local function add(field, number)
  if progress ~= '' and number ~= 0 then redis.call('HINCRBY', progress, field, number) end
end

if owner then
  if redis.call('HSETNX', KEYS[1], ARGV[1] .. '/' .. ARGV[2], 1) == 1 then
    add('received', rows)
    add('duplicates', rows)
    count(KEYS[5], 0, 0, rows)
  end
  return {2, 0, rows, waiting, 0}
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if progress ~= '' and redis.call('HSETNX', progress, 'started_at', ARGV[13]) == 1 then
  redis.call('SADD', KEYS[8], ARGV[10])
end

local n, parked, pairs_given = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[17])
local at = 18
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
if is_part then
  add('parked:' .. ARGV[14], -1)
else
  add('received', rows)
end

local last = redis.call('HINCRBY', KEYS[1], 'settled', 1) == tonumber(ARGV[3])
if not last or progress == '' then return {1, dispatched, duplicates, waiting, 0} end
redis.call('EXPIRE', KEYS[1], ARGV[8])
if is_part then return {1, dispatched, duplicates, waiting, 0} end

local batches = redis.call('HINCRBY', progress, 'batches', 1)
redis.call('HSET', progress, 'updated_at', ARGV[13])
redis.call('EXPIRE', KEYS[8], ARGV[8])
redis.call('EXPIRE', progress, ARGV[8])
if ARGV[9] == '' then return {1, dispatched, duplicates, waiting, 0} end
redis.call('HSET', progress, 'total_batches', ARGV[9])
if batches < tonumber(ARGV[9]) or redis.call('HSETNX', progress, 'completed_at', ARGV[13]) == 0 then
  return {1, dispatched, duplicates, waiting, 0}
end

if KEYS[9] ~= '' then
  local event = {schema = 1, event = 'campaign.completed', at = ARGV[13], account_id = ARGV[10], campaign_id = ARGV[11]}
  local parked_by_code = {}
  for _, field in ipairs({'received', 'dispatched', 'duplicates', 'batches', 'total_batches'}) do
    event[field] = tonumber(redis.call('HGET', progress, field) or '0')
  end
  local fields = redis.call('HGETALL', progress)
  for i = 1, #fields, 2 do
    local code = string.match(fields[i], '^parked:(.+)$')
    if code and tonumber(fields[i + 1]) > 0 then parked_by_code[code] = tonumber(fields[i + 1]) end
  end
  event.parked = parked_by_code
  redis.call('LPUSH', KEYS[9], cjson.encode({
    body = cjson.encode(event),
    ['content-encoding'] = 'utf-8',
    ['content-type'] = 'application/json',
    headers = {},
    properties = {
      delivery_mode = 2,
      delivery_info = {exchange = '', routing_key = KEYS[9]},
      priority = 0,
      body_encoding = 'utf-8',
      delivery_tag = ARGV[2] .. '-completed',
    },
  }))
  redis.call('LTRIM', KEYS[9], 0, ARGV[12] - 1)
end
return {1, dispatched, duplicates, waiting, 1}
