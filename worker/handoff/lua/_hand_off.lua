-- Put before the scripts that hand off: pushing messages, remembering them, parking.
local CHUNK = 4000  -- Lua's stack bounds how many values unpack gives

local function in_chunks(first, n, call)
  for from = first, first + n - 1, CHUNK do call(from, math.min(from + CHUNK, first + n) - 1) end
end

local HALF_WINDOW_S = math.max(1, WINDOW_S / 2)

-- The number of the half window that it is now; by the server's clock, for workers' clocks differ.
local function bucket_now() return math.floor(redis.call('TIME')[1] / HALF_WINDOW_S) end

-- Marks of messages that were dispatched, in sets of half a window each. A mark has 14 bytes: a digest of account and
-- message id. That of a message of a sub-account has 28: a digest of all three ids, then the one without the sub-account,
-- by which workers of the first edition know it (docs/decisions/0021). Keys, with the number of the half window:
--   SEEN_STEM          the short marks: all that workers of the first edition ask and write, and that we write for them
--   the same 'own:'    what we know beside: long marks, and the short ones that we wrote for sub-accounts alone
--   the same 'ours:'   how many members of the first set are ours: if it has more, such a worker was here
local SHORT = 14

local function short_of(mark) return string.sub(mark, -SHORT) end

-- The places, from 0, of the long ones among the `n` marks from ARGV[first] on; nil where there are none. They are looked
-- for once: a script asks whether marks are known, and then writes them.
local longs_from = {}
local function long_ones(first, n)
  if longs_from[first] == nil then
    local places = nil
    for i = 0, n - 1 do
      if #ARGV[first + i] > SHORT then
        places = places or {}
        places[#places + 1] = i
      end
    end
    longs_from[first] = places or false
  end
  return longs_from[first] or nil
end

-- Whether each of `members` is in a set of the stem in one of the last three half windows; `counts` may leave one out.
local function found(stem, bucket, members, counts)
  local known = {}
  for age = 0, 2 do
    if not counts or counts(bucket - age) then
      for from = 1, #members, CHUNK do
        local to = math.min(from + CHUNK - 1, #members)
        local flags = redis.call('SMISMEMBER', stem .. (bucket - age), unpack(members, from, to))
        for i = 1, #flags do known[from + i - 1] = known[from + i - 1] or flags[i] == 1 end
      end
    end
  end
  return known
end

local function add(key, members)
  local added = 0
  for from = 1, #members, CHUNK do
    added = added + redis.call('SADD', key, unpack(members, from, math.min(from + CHUNK - 1, #members)))
  end
  return added
end

-- Writes the long marks of ARGV at `places` from `first` on. A short one that nobody had dispatched before is ours for
-- sub-accounts alone: a message of the account itself with that id is another one.
local function write_long(bucket, first, places)
  local shorts, own = {}, {}
  for i, place in ipairs(places) do shorts[i] = short_of(ARGV[first + place]) end
  local known = found(SEEN_STEM, bucket, shorts)
  for i, place in ipairs(places) do
    own[#own + 1] = ARGV[first + place]
    if not known[i] then own[#own + 1] = shorts[i] end
  end
  add(SEEN_STEM .. 'own:' .. bucket, own)
  return add(SEEN_STEM .. bucket, shorts)
end

-- Writes the short marks of ARGV at `places` from `first` on, or all `n` where `places` is nil.
local function write_short(bucket, first, n, places)
  local added = 0
  local function write(...)
    added = added + redis.call('SADD', SEEN_STEM .. bucket, ...)
    for age = 0, 2 do
      local own = SEEN_STEM .. 'own:' .. (bucket - age)
      if redis.call('EXISTS', own) == 1 then redis.call('SREM', own, ...) end
    end
  end
  if not places then
    in_chunks(first, n, function(from, to) write(unpack(ARGV, from, to)) end)
    return added
  end
  for from = 1, #places, CHUNK do
    local marks = {}
    for i = from, math.min(from + CHUNK - 1, #places) do marks[#marks + 1] = ARGV[first + places[i]] end
    write(unpack(marks))
  end
  return added
end

-- Remembers as dispatched the `n` marks from ARGV[first] on, but those whose place, from 1, is in `left_out`.
local function write_marks(first, n, left_out)
  local bucket = bucket_now()
  local longs, shorts = long_ones(first, n), nil
  if longs or left_out then
    longs, shorts = {}, {}
    for i = 0, n - 1 do
      if not (left_out and left_out[i + 1]) then
        local places = #ARGV[first + i] > SHORT and longs or shorts
        places[#places + 1] = i
      end
    end
  end
  local lives, ours = math.ceil(HALF_WINDOW_S * 3), 0
  if longs and #longs > 0 then
    ours = write_long(bucket, first, longs)
    redis.call('EXPIRE', SEEN_STEM .. 'own:' .. bucket, lives)
  end
  ours = ours + write_short(bucket, first, n, shorts)
  if ours == 0 then return end
  redis.call('INCRBY', SEEN_STEM .. 'ours:' .. bucket, ours)
  redis.call('EXPIRE', SEEN_STEM .. 'ours:' .. bucket, lives)
  redis.call('EXPIRE', SEEN_STEM .. bucket, lives)
end

-- Remembers the `n` marks from ARGV[first] on as dispatched, and reserved no longer.
local function remember(first, n)
  if n == 0 then return end
  write_marks(first, n)
  in_chunks(first, n, function(from, to)
    local shorts = {}
    for i = from, to do shorts[#shorts + 1] = short_of(ARGV[i]) end
    redis.call('ZREM', RESERVED, unpack(shorts))
  end)
end

-- Of short marks that are known, those that only stand for messages of sub-accounts are no repeats.
local function without_those_of_subaccounts(bucket, first, places)
  local marks, at = {}, {}
  for place in pairs(places) do
    marks[#marks + 1] = ARGV[first + place - 1]
    at[#at + 1] = place
  end
  for i, own in pairs(found(SEEN_STEM .. 'own:', bucket, marks)) do
    if own then places[at[i]] = nil end
  end
  return next(places) and places or nil
end

-- Adds the places of long marks that are known, or whose short one a worker of the first edition may have written: that
-- one did not say for which sub-account, and it is taken for a repeat, as that worker would take it.
local function with_repeats_of_subaccounts(bucket, first, longs, places)
  local marks, shorts = {}, {}
  for i, place in ipairs(longs) do
    marks[i] = ARGV[first + place]
    shorts[i] = short_of(marks[i])
  end
  local known = found(SEEN_STEM .. 'own:', bucket, marks)
  local theirs = found(SEEN_STEM, bucket, shorts, function(each)
    return redis.call('SCARD', SEEN_STEM .. each) > tonumber(redis.call('GET', SEEN_STEM .. 'ours:' .. each) or '0')
  end)
  local ours = next(theirs) and found(SEEN_STEM .. 'own:', bucket, shorts) or {}
  for i, place in ipairs(longs) do
    if known[i] or (theirs[i] and not ours[i]) then
      places = places or {}
      places[place + 1] = true
    end
  end
  return places
end

-- The places, from 1, of the `n` marks from ARGV[first] on that were dispatched before; nil where there are none.
local function repeated(bucket, first, n)
  local places = nil
  for age = 0, 2 do
    in_chunks(first, n, function(from, to)
      local flags = redis.call('SMISMEMBER', SEEN_STEM .. (bucket - age), unpack(ARGV, from, to))
      for i = 1, #flags do
        if flags[i] == 1 then
          places = places or {}
          places[from - first + i] = true
        end
      end
    end)
  end
  if places then places = without_those_of_subaccounts(bucket, first, places) end
  local longs = long_ones(first, n)
  return longs and with_repeats_of_subaccounts(bucket, first, longs, places) or places
end

-- Pushes the `n` envelopes from ARGV[first] on; their marks follow them. A message whose mark is known is dropped.
-- The marks of half a window (WINDOW_S 0: no marks) share one set. Gives the number of dropped ones.
local function dispatch(first, n)
  if n == 0 then return 0 end
  if WINDOW_S == 0 then
    in_chunks(first, n, function(from, to) redis.call('LPUSH', DISPATCH_QUEUE, unpack(ARGV, from, to)) end)
    return 0
  end
  local marks, dropped = first + n, 0
  local places = repeated(bucket_now(), marks, n)
  if places then
    for i = 0, n - 1 do
      if places[i + 1] then
        dropped = dropped + 1
      else
        redis.call('LPUSH', DISPATCH_QUEUE, ARGV[first + i])
      end
    end
  else
    in_chunks(first, n, function(from, to) redis.call('LPUSH', DISPATCH_QUEUE, unpack(ARGV, from, to)) end)
  end
  if dropped < n then write_marks(marks, n, places) end
  return dropped
end

-- Puts `n` parked records, each an id and a text, from ARGV[first] on into the outbox.
local function park(first, n)
  in_chunks(first, 2 * n, function(from, to) redis.call('HSET', OUTBOX, unpack(ARGV, from, to)) end)
end

local function count(dispatched, parked, duplicates)
  if dispatched > 0 then redis.call('HINCRBY', COUNTS, 'dispatched', dispatched) end
  if parked > 0 then redis.call('HINCRBY', COUNTS, 'parked', parked) end
  if duplicates > 0 then redis.call('HINCRBY', COUNTS, 'duplicates', duplicates) end
end
