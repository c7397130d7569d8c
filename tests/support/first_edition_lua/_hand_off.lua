-- Put before the scripts that hand off: pushing messages, remembering them, parking.
local CHUNK = 4000  -- Lua's stack bounds how many values unpack gives

local function in_chunks(first, n, call)
  for from = first, first + n - 1, CHUNK do call(from, math.min(from + CHUNK, first + n) - 1) end
end

local function now_ms()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end

local function span_of(window) return math.max(1, window / 2) end

-- The number of the half window that it is now; by the server's clock, for workers' clocks differ.
local function bucket_of(window) return math.floor(redis.call('TIME')[1] / span_of(window)) end

-- Remembers the `n` marks from ARGV[first] on as dispatched, and reserved no longer.
local function remember(stem, reserved, window, first, n)
  if n == 0 then return end
  local seen = stem .. bucket_of(window)
  in_chunks(first, n, function(from, to)
    redis.call('SADD', seen, unpack(ARGV, from, to))
    redis.call('ZREM', reserved, unpack(ARGV, from, to))
  end)
  redis.call('EXPIRE', seen, math.ceil(span_of(window) * 3))
end

-- The places, from 1, of the `n` marks from ARGV[first] on that were dispatched before; nil where there are none.
local function repeated(stem, bucket, first, n)
  local places = nil
  for age = 0, 2 do
    in_chunks(first, n, function(from, to)
      local flags = redis.call('SMISMEMBER', stem .. (bucket - age), unpack(ARGV, from, to))
      for i = 1, #flags do
        if flags[i] == 1 then
          places = places or {}
          places[from - first + i] = true
        end
      end
    end)
  end
  return places
end

-- Pushes the `n` envelopes from ARGV[first] on; their marks follow them. A message whose mark is known is dropped.
-- The marks of half a window (in seconds; 0: no marks) share one set. Gives the number of dropped ones.
local function dispatch(queue, stem, window, first, n)
  if n == 0 then return 0 end
  if window == 0 then
    in_chunks(first, n, function(from, to) redis.call('LPUSH', queue, unpack(ARGV, from, to)) end)
    return 0
  end
  local bucket = bucket_of(window)
  local seen, marks, dropped = stem .. bucket, first + n, 0
  local places = repeated(stem, bucket, marks, n)
  if places then
    for i = 0, n - 1 do
      if places[i + 1] then
        dropped = dropped + 1
      else
        redis.call('LPUSH', queue, ARGV[first + i])
        redis.call('SADD', seen, ARGV[marks + i])
      end
    end
  else
    in_chunks(first, n, function(from, to) redis.call('LPUSH', queue, unpack(ARGV, from, to)) end)
    in_chunks(marks, n, function(from, to) redis.call('SADD', seen, unpack(ARGV, from, to)) end)
  end
  if dropped < n then redis.call('EXPIRE', seen, math.ceil(span_of(window) * 3)) end
  return dropped
end

-- Puts `n` parked records, each an id and a text, from ARGV[first] on into the outbox.
local function park(outbox, first, n)
  in_chunks(first, 2 * n, function(from, to) redis.call('HSET', outbox, unpack(ARGV, from, to)) end)
end

local function count(counts, dispatched, parked, duplicates)
  if dispatched > 0 then redis.call('HINCRBY', counts, 'dispatched', dispatched) end
  if parked > 0 then redis.call('HINCRBY', counts, 'parked', parked) end
  if duplicates > 0 then redis.call('HINCRBY', counts, 'duplicates', duplicates) end
end
