-- Enqueues again the claims whose deadline has passed: their task was lost, killed, or told to wait.
-- Header: most, claims to take up; tasks, by the lane that a claim's id begins with: queue, and envelope with @CLAIM@ and
--         @COUNT@. Claims of any other lane are a newer version's, and are left to it.
-- Returns the ids.
local header, now = cjson.decode(ARGV[1]), now_ms()

local function task_for(id) return header.tasks[string.match(id, '^[^-]*')] end

local due, at = {}, 0
repeat
  local ids = redis.call('ZRANGEBYSCORE', CLAIMS, '-inf', now, 'LIMIT', at, header.most)
  for _, id in ipairs(ids) do
    if #due < header.most and task_for(id) then due[#due + 1] = id end
  end
  at = at + #ids
until #ids < header.most or #due == header.most or at >= 100 * header.most

local recovered = {}
for _, id in ipairs(due) do
  local count = redis.call('LLEN', CLAIM_STEM .. id)
  if count == 0 then
    redis.call('ZREM', CLAIMS, id)
  else
    local task = task_for(id)
    redis.call('ZADD', CLAIMS, now + DEADLINE_MS, id)
    local envelope = string.gsub(task.envelope, '@CLAIM@', id)
    redis.call('LPUSH', task.queue, (string.gsub(envelope, '@COUNT@', tostring(count))))
    recovered[#recovered + 1] = id
  end
end
return recovered
