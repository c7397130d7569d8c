-- Hands off one chunk of a campaign batch, once for each batch, and counts the campaign's progress with it.
-- Header: batch, the key of its chunks by who settled them; chunk, its number, and of, how many the batch has; recipients;
--         work_id; claim_id, the claim that is worked on, where there is one; account_id, campaign_id; progress, its key,
--         where it is known whose; accounts, the key of the campaign's accounts, and campaigns, that of the account's;
--         total_batches, where it is known; at, the time;
--         part_reason, why a part that is sent again was parked; parked_by_reason; messages, parked, sent_marks: how many
--         are in the lists; sent_dispatched, sent_duplicates: what another broker has taken and dropped already;
--         second_marks, sent_second_marks, how many, and flags of whose the former are, where there are any;
--         counted_for, whose campaigns of the day this one is among: the account, or '' where none exists; batch_s, for how
--         long it is known that the batch is settled.
-- Lists: the marks and second marks of what another broker has taken, the envelopes of the messages, their marks, their
--        second marks, id and record of each parked.
-- Returns {outcome, dispatched, duplicates, queues of single messages that are not empty, completed, not counted}; outcome
--         0: settled before by the same work, 1: settled now, 2: settled before by another delivery of the batch.
local DAY_S = 86400
local header = cjson.decode(ARGV[1])
local batch, progress, batch_s = header.batch, header.progress, header.batch_s
local waiting = redis.call(
  'EXISTS', WORK_QUEUE, INGRESS_QUEUE, MESSAGES_QUEUE, RESEND_QUEUE, INGRESS_LINES, MESSAGES_LINES, RESEND_LINES
)

local not_counted = 0

local function answer(outcome, dispatched, duplicates, completed)
  return {outcome, dispatched, duplicates, waiting, completed and 1 or 0, not_counted}
end

-- Whether a campaign that nothing is known of is one too many of the day's.
local function is_one_too_many()
  if CAMPAIGNS_A_DAY == 0 or redis.call('EXISTS', progress) == 1 then return false end
  local day = math.floor(redis.call('TIME')[1] / DAY_S)
  local begun = CAMPAIGNS_BEGUN_STEM .. day
  if tonumber(redis.call('HGET', begun, header.counted_for) or '0') < CAMPAIGNS_A_DAY then
    redis.call('HINCRBY', begun, header.counted_for, 1)
    redis.call('EXPIRE', begun, 2 * DAY_S)
    return false
  end
  redis.call('HINCRBY', NOT_COUNTED_STEM .. day, header.counted_for, header.recipients)
  redis.call('EXPIRE', NOT_COUNTED_STEM .. day, 2 * DAY_S)
  redis.call('HINCRBY', BOUNDS, 'campaigns', header.recipients)
  return true
end

local function add(field, number)
  if progress and number ~= 0 then redis.call('HINCRBY', progress, field, number) end
end

local owner = redis.call('HGET', batch, header.chunk)
local lost = header.claim_id and redis.call('EXISTS', CLAIM_STEM .. header.claim_id) == 0
if owner == header.work_id or lost then return answer(0, 0, 0) end
if owner then
  if redis.call('HSETNX', batch, header.chunk .. '/' .. header.work_id, 1) == 1 then
    add('duplicates', header.recipients)
    count(0, 0, header.recipients)
  end
  return answer(2, 0, header.recipients)
end
redis.call('HSET', batch, header.chunk, header.work_id)
if progress and is_one_too_many() then
  progress, batch_s, not_counted = nil, math.min(DAY_S, batch_s), header.recipients
end
if progress and redis.call('HSETNX', progress, 'started_at', header.at) == 1 then
  redis.call('SADD', header.accounts, header.account_id)
  redis.call('EXPIRE', header.accounts, PROGRESS_TTL_S)
  local now = redis.call('TIME')
  redis.call('ZADD', header.campaigns, 'NX', now[1] * 1000 + math.floor(now[2] / 1000), header.campaign_id)
  redis.call('ZREMRANGEBYSCORE', header.campaigns, '-inf', (now[1] - PROGRESS_TTL_S) * 1000)
  redis.call('EXPIRE', header.campaigns, PROGRESS_TTL_S)
end

local at = 2
local seconds, sent_seconds = header.second_marks or 0, header.sent_second_marks or 0
remember(marks_at(at, header.sent_marks, sent_seconds))
at = at + header.sent_marks + sent_seconds
local duplicates = dispatch(at, header.messages, seconds, header.flags)
park(at + 2 * header.messages + seconds, header.parked)
local dispatched = header.messages - duplicates + header.sent_dispatched
duplicates = duplicates + header.sent_duplicates
count(dispatched, header.parked, duplicates)
add('dispatched', dispatched)
add('duplicates', duplicates)
for reason, number in pairs(header.parked_by_reason) do add('parked:' .. reason, number) end
if header.part_reason then add('parked:' .. header.part_reason, -1) end

local last = header.of == 1 or redis.call('HINCRBY', batch, 'settled', 1) == header.of
if last then redis.call('EXPIRE', batch, batch_s) end
if not last or header.part_reason or not progress then return answer(1, dispatched, duplicates) end

local batches = redis.call('HINCRBY', progress, 'batches', 1)
-- Who does not know the total beforehand tells it with the last batch, which others may settle after.
local total = header.total_batches or tonumber(redis.call('HGET', progress, 'total_batches') or '')
if batches % 64 == 1 or batches == total then redis.call('EXPIRE', progress, PROGRESS_TTL_S) end
redis.call('HSET', progress, 'updated_at', header.at)
if total then redis.call('HSET', progress, 'total_batches', total) end
if not total or batches < total then
  redis.call('ZADD', IN_FLIGHT, now_ms(), progress)
  return answer(1, dispatched, duplicates)
end
redis.call('ZREM', IN_FLIGHT, progress)
if redis.call('HSETNX', progress, 'completed_at', header.at) == 0 then return answer(1, dispatched, duplicates) end

local event = {
  schema = 1,
  event = 'campaign.completed',
  at = header.at,
  account_id = header.account_id,
  campaign_id = header.campaign_id,
  parked = {},
}
for _, name in ipairs({'dispatched', 'duplicates', 'batches', 'total_batches'}) do
  event[name] = tonumber(redis.call('HGET', progress, name) or '0')
end
event.received = event.dispatched + event.duplicates
local fields = redis.call('HGETALL', progress)
for i = 1, #fields, 2 do
  local reason, number = string.match(fields[i], '^parked:(.+)$'), tonumber(fields[i + 1])
  if reason and number and number > 0 then
    event.parked[reason] = number
    event.received = event.received + number
  end
end
-- A document and its id, as workers of every version read it; worker/handoff/event_outbox.py takes it to the events queue.
local record = {body = cjson.encode(event), properties = {delivery_tag = header.work_id .. '-completed'}}
redis.call('LPUSH', EVENT_OUTBOX, cjson.encode(record))
return answer(1, dispatched, duplicates, true)
