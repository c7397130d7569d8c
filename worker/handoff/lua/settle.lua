-- Hands off all that became of a piece of work, once: what is settled already is left alone.
-- Header: claim_id, or task_mark, the key by which a task that Celery runs is known as settled;
--         messages, parked, for_celery, deferred: how many are in the lists; repeats, dropped before;
--         second_marks, how many, and flags of whose they are, where there are any;
--         resends, what is to be counted for campaigns, where there is any (count_resends);
--         deferred_id, of the claim of what was deferred, where there is any; deferred_ms, for how long.
-- Lists: the envelopes of the messages, their marks, the second marks, id and record of each parked one, the envelopes for
--        Celery, the deferred documents.
-- Returns {dispatched, duplicates}, or nothing where it was settled before.
local header = cjson.decode(ARGV[1])
if header.claim_id then
  if redis.call('DEL', CLAIM_STEM .. header.claim_id) == 0 then return false end
  redis.call('ZREM', CLAIMS, header.claim_id)
  redis.call('HDEL', ATTEMPTS, header.claim_id)
elseif not redis.call('SET', header.task_mark, 1, 'NX', 'EX', TASK_MARK_S) then
  return false
end

local n, parked, at = header.messages, header.parked, 2
local seconds = header.second_marks or 0
local duplicates, repeated_places = dispatch(at, n, seconds, header.flags)
if header.resends then count_resends(header.resends, repeated_places) end
at = at + 2 * n + seconds
park(at, parked)
at = at + 2 * parked
in_chunks(at, header.for_celery, function(from, to) redis.call('LPUSH', WORK_QUEUE, unpack(ARGV, from, to)) end)
at = at + header.for_celery
if header.deferred > 0 then
  local claim = CLAIM_STEM .. header.deferred_id
  in_chunks(at, header.deferred, function(from, to) redis.call('RPUSH', claim, unpack(ARGV, from, to)) end)
  redis.call('ZADD', CLAIMS, now_ms() + header.deferred_ms, header.deferred_id)
end
count(n - duplicates, parked, duplicates + header.repeats)
return {n - duplicates, duplicates}
