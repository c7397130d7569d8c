-- Hands off all that became of a piece of work, once: what is settled already is left alone.
-- KEYS: 1 guard (a claim, or the mark of a task), 2 index of claims, 3 attempts by claim, 4 dispatch queue,
--       5 parked outbox, 6 work queue, 7 claim of what was deferred, 8 counts, 9 stem of the seen-buckets
-- ARGV: 1 'claim' or 'mark', 2 claim id (mark: seconds it is kept), 3 seconds of the idempotency window (0: off),
--       4 number of messages, 5 number of parked, 6 number of envelopes for Celery, 7 number of deferred documents,
--       8 id of the deferred claim, 9 deferred for ms, 10 repeats dropped before, then the envelopes of the messages,
--       their marks, id and record of each parked one, the envelopes for Celery, the deferred documents
-- Returns {dispatched, duplicates}, or nothing where it was settled before.
if ARGV[1] == 'claim' then
  if redis.call('DEL', KEYS[1]) == 0 then return false end
  redis.call('ZREM', KEYS[2], ARGV[2])
  redis.call('HDEL', KEYS[3], ARGV[2])
elseif not redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[2]) then
  return false
end

local n, parked, forwarded, deferred = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local at = 11
local duplicates = dispatch(KEYS[4], KEYS[9], tonumber(ARGV[3]), at, n)
at = at + 2 * n
park(KEYS[5], at, parked)
at = at + 2 * parked
in_chunks(at, forwarded, function(from, to) redis.call('LPUSH', KEYS[6], unpack(ARGV, from, to)) end)
at = at + forwarded
if deferred > 0 then
  in_chunks(at, deferred, function(from, to) redis.call('RPUSH', KEYS[7], unpack(ARGV, from, to)) end)
  redis.call('ZADD', KEYS[2], now_ms() + ARGV[9], ARGV[8])
end
count(KEYS[8], n - duplicates, parked, duplicates + ARGV[10])
return {n - duplicates, duplicates}
