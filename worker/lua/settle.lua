-- Hands off all that became of a piece of work, once: what is settled already is left alone.
-- KEYS: 1 guard (a claim, or the mark of a task), 2 index of claims, 3 attempts by claim, 4 dispatch queue,
--       5 parked outbox, 6 work queue, 7 claim of what was deferred, 8 counts, 9 stem of the seen-buckets
-- ARGV: 1 'claim' or 'mark', 2 claim id (mark: seconds it is kept), 3 seconds of the idempotency window (0: off),
--       4 number of messages, 5 number of parked, 6 number of envelopes for Celery, 7 number of deferred documents,
--       8 id of the deferred claim, 9 deferred for ms, then the envelopes of the messages, their digests,
--       id and record of each parked one, the envelopes for Celery, the deferred documents
-- Returns {dispatched, duplicates}, or nothing where it was settled before.
local CHUNK = 4000  -- Lua's stack bounds how many values unpack gives
local at = 9

if ARGV[1] == 'claim' then
  if redis.call('DEL', KEYS[1]) == 0 then return false end
  redis.call('ZREM', KEYS[2], ARGV[2])
  redis.call('HDEL', KEYS[3], ARGV[2])
elseif not redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[2]) then
  return false
end

local function in_chunks(first, last, call)
  for from = first, last, CHUNK do call(from, math.min(from + CHUNK - 1, last)) end
end

local window, n = tonumber(ARGV[3]), tonumber(ARGV[4])
local first, last = at + 1, at + n
local digests = last
local duplicates = 0

-- A message id that was dispatched within the window is dropped. The marks of half a window share one set.
local function duplicate_places(bucket)
  local places = nil
  for age = 0, 2 do
    local seen = KEYS[9] .. (bucket - age)
    if redis.call('EXISTS', seen) == 1 then
      in_chunks(digests + 1, digests + n, function(from, to)
        local flags = redis.call('SMISMEMBER', seen, unpack(ARGV, from, to))
        for i = 1, #flags do
          if flags[i] == 1 then
            places = places or {}
            places[from - digests - 1 + i] = true
          end
        end
      end)
    end
  end
  return places
end

if n > 0 and window > 0 then
  local span = math.max(1, window / 2)
  local bucket = math.floor(redis.call('TIME')[1] / span)
  local seen = KEYS[9] .. bucket
  local places = duplicate_places(bucket)
  if places then
    for i = 1, n do
      if places[i] then
        duplicates = duplicates + 1
      else
        redis.call('LPUSH', KEYS[4], ARGV[at + i])
        redis.call('SADD', seen, ARGV[digests + i])
      end
    end
  else
    in_chunks(first, last, function(from, to) redis.call('LPUSH', KEYS[4], unpack(ARGV, from, to)) end)
    in_chunks(digests + 1, digests + n, function(from, to) redis.call('SADD', seen, unpack(ARGV, from, to)) end)
  end
  redis.call('EXPIRE', seen, math.ceil(span * 3))
elseif n > 0 then
  in_chunks(first, last, function(from, to) redis.call('LPUSH', KEYS[4], unpack(ARGV, from, to)) end)
end
at = at + 2 * n

local parked = tonumber(ARGV[5])
if parked > 0 then
  in_chunks(at + 1, at + 2 * parked, function(from, to) redis.call('HSET', KEYS[5], unpack(ARGV, from, to)) end)
end
at = at + 2 * parked

local forwarded = tonumber(ARGV[6])
if forwarded > 0 then
  in_chunks(at + 1, at + forwarded, function(from, to) redis.call('LPUSH', KEYS[6], unpack(ARGV, from, to)) end)
end
at = at + forwarded

local deferred = tonumber(ARGV[7])
if deferred > 0 then
  in_chunks(at + 1, at + deferred, function(from, to) redis.call('RPUSH', KEYS[7], unpack(ARGV, from, to)) end)
  local now = redis.call('TIME')
  redis.call('ZADD', KEYS[2], now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[9], ARGV[8])
end

local dispatched = n - duplicates
if dispatched > 0 then redis.call('HINCRBY', KEYS[8], 'dispatched', dispatched) end
if parked > 0 then redis.call('HINCRBY', KEYS[8], 'parked', parked) end
if duplicates > 0 then redis.call('HINCRBY', KEYS[8], 'duplicates', duplicates) end
return {dispatched, duplicates}
