-- Put before the scripts that hand off: pushing messages, remembering them, parking.
local CHUNK = 4000  -- Lua's stack bounds how many values unpack gives

local function in_chunks(first, n, call)
  for from = first, first + n - 1, CHUNK do call(from, math.min(from + CHUNK, first + n) - 1) end
end

local HALF_WINDOW_S = math.max(1, WINDOW_S / 2)

-- The number of the half window that it is now; by the server's clock, for workers' clocks differ.
local function bucket_now() return math.floor(redis.call('TIME')[1] / HALF_WINDOW_S) end

-- Marks of messages that were dispatched, in sets of half a window each. A mark has 14 bytes: a digest of account,
-- sub-account and message id. While workers of the first edition may be about, which know no sub-accounts, a message of
-- one has a second, of account and message id alone, by which they know it (docs/decisions/0021). Keys, with the number
-- of the half window:
--   SEEN_STEM          all marks
--   the same 'own:'    the second marks that stand for messages of sub-accounts alone
--   the same 'ours:'   how many members of the first set are ours: if it has more, a worker of the first edition was here

-- The arguments that are marks: `n` from `first` on, then the `m` second ones of those of them that have one. `flags` has a 1
-- or 0 for each of the `n`, or nothing where either all or none have one.
local function marks_at(first, n, m, flags)
  return {first = first, n = n, seconds = first + n, m = m or 0, flags = flags or ''}
end

-- The places, from 1, of the messages that the second marks belong to.
local function places_of_seconds(marks)
  local places = {}
  for i = 1, marks.n do
    if marks.flags == '' or string.sub(marks.flags, i, i) == '1' then places[#places + 1] = i end
  end
  return places
end

-- The places, from 1, of those of `n` members of `list` from `first` on that are in a set of the stem in one of the last
-- three half windows; nil where none is. `counts` may leave one out.
local function found(stem, bucket, list, first, n, counts)
  local places = nil
  for age = 0, 2 do
    if not counts or counts(bucket - age) then
      in_chunks(first, n, function(from, to)
        local flags = redis.call('SMISMEMBER', stem .. (bucket - age), unpack(list, from, to))
        for i = 1, #flags do
          if flags[i] == 1 then
            places = places or {}
            places[from - first + i] = true
          end
        end
      end)
    end
  end
  return places
end

-- Takes those that stand for messages of sub-accounts alone out of the known places, and gives them: they are no repeats.
local function take_those_of_subaccounts(bucket, marks, known)
  local members, at, taken = {}, {}, {}
  for place in pairs(known) do
    members[#members + 1] = ARGV[marks.first + place - 1]
    at[#at + 1] = place
  end
  for i in pairs(found(SEEN_STEM .. 'own:', bucket, members, 1, #members) or {}) do
    known[at[i]] = nil
    taken[#taken + 1] = members[i]
  end
  return taken
end

local function has_members_of_first_edition(bucket)
  return redis.call('SCARD', SEEN_STEM .. bucket) > tonumber(redis.call('GET', SEEN_STEM .. 'ours:' .. bucket) or '0')
end

-- Adds the places whose second mark a worker of the first edition may have written: it did not say for which sub-account,
-- and is taken for a repeat, as that worker would take it.
local function with_repeats_of_first_edition(bucket, marks, known)
  local theirs = found(SEEN_STEM, bucket, ARGV, marks.seconds, marks.m, function(each)
    return has_members_of_first_edition(each)
  end)
  if not theirs then return known end
  local ours, places = found(SEEN_STEM .. 'own:', bucket, ARGV, marks.seconds, marks.m) or {}, places_of_seconds(marks)
  for i in pairs(theirs) do
    if not ours[i] then
      known = known or {}
      known[places[i]] = true
    end
  end
  return known
end

-- The places, from 1, of the marks that were dispatched before, nil where there are none; and those of marks that were
-- found, but stand for messages of sub-accounts alone.
local function repeated(bucket, marks)
  local known, of_subaccounts = found(SEEN_STEM, bucket, ARGV, marks.first, marks.n), nil
  if known then
    of_subaccounts = take_those_of_subaccounts(bucket, marks, known)
    if not next(known) then known = nil end
  end
  if marks.m > 0 then known = with_repeats_of_first_edition(bucket, marks, known) end
  return known, of_subaccounts
end

-- Says of second marks, before they are written, that they stand for sub-accounts alone: where nobody had dispatched the
-- account's own message of that id, and it is not among `marks` either.
local function claim_for_subaccounts(bucket, marks, list, first, m)
  local key, mine = SEEN_STEM .. 'own:' .. bucket, {}
  local known = found(SEEN_STEM, bucket, list, first, m)
  local ours = known and found(SEEN_STEM .. 'own:', bucket, list, first, m) or {}
  if marks.flags ~= '' then
    for i = marks.first, marks.first + marks.n - 1 do mine[ARGV[i]] = true end
  elseif not known then
    return in_chunks(first, m, function(from, to) redis.call('SADD', key, unpack(list, from, to)) end)
  end
  for i = 1, m do
    local mark = list[first + i - 1]
    if not mine[mark] and (not known or not known[i] or ours[i]) then redis.call('SADD', key, mark) end
  end
end

local function release(bucket, list, first, n)
  for age = 0, 2 do
    in_chunks(first, n, function(from, to) redis.call('SREM', SEEN_STEM .. 'own:' .. (bucket - age), unpack(list, from, to)) end)
  end
end

-- The marks and second marks but for those of the places left out.
local function rest_of(marks, left_out)
  local firsts, seconds = {}, {}
  for i = 1, marks.n do
    if not left_out[i] then firsts[#firsts + 1] = ARGV[marks.first + i - 1] end
  end
  if marks.m > 0 then
    for i, place in ipairs(places_of_seconds(marks)) do
      if not left_out[place] then seconds[#seconds + 1] = ARGV[marks.seconds + i - 1] end
    end
  end
  return firsts, seconds
end

local EXPIRE_EVERY = 1000  -- members: that both keys expire is said when they are new, and again after so many

-- Remembers marks as dispatched, but those whose place, from 1, is in `left_out`.
local function write_marks(bucket, marks, left_out)
  local key, added, lives = SEEN_STEM .. bucket, 0, math.ceil(HALF_WINDOW_S * 3)
  local function add(list, first, n)
    in_chunks(first, n, function(from, to) added = added + redis.call('SADD', key, unpack(list, from, to)) end)
  end
  local firsts, from, n, seconds, seconds_from, m = ARGV, marks.first, marks.n, ARGV, marks.seconds, marks.m
  if left_out then
    firsts, seconds = rest_of(marks, left_out)
    from, n, seconds_from, m = 1, #firsts, 1, #seconds
  end
  if m > 0 then
    claim_for_subaccounts(bucket, marks, seconds, seconds_from, m)
    redis.call('EXPIRE', SEEN_STEM .. 'own:' .. bucket, lives)
    add(seconds, seconds_from, m)
  end
  add(firsts, from, n)
  if added == 0 then return end
  local ours = redis.call('INCRBY', SEEN_STEM .. 'ours:' .. bucket, added)
  if ours == added or math.floor(ours / EXPIRE_EVERY) > math.floor((ours - added) / EXPIRE_EVERY) then
    redis.call('EXPIRE', SEEN_STEM .. 'ours:' .. bucket, lives)
    redis.call('EXPIRE', key, lives)
  end
end

-- Remembers marks as dispatched, and reserved no longer.
local function remember(marks)
  if marks.n == 0 then return end
  local bucket = bucket_now()
  local own = SEEN_STEM .. 'own:'
  if redis.call('EXISTS', own .. bucket, own .. bucket - 1, own .. bucket - 2) > 0 then
    release(bucket, ARGV, marks.first, marks.n)
  end
  write_marks(bucket, marks)
  in_chunks(marks.first, marks.n + marks.m, function(from, to) redis.call('ZREM', RESERVED, unpack(ARGV, from, to)) end)
end

-- Pushes the `n` envelopes from ARGV[first] on; their marks follow them, `m` second ones with `flags` of whom among them. A
-- message whose mark is known is dropped. The marks of half a window (WINDOW_S 0: no marks) share one set. Gives the
-- number of dropped ones, and their places, from 1, where there are any.
local function dispatch(first, n, m, flags)
  if n == 0 then return 0 end
  if WINDOW_S == 0 then
    in_chunks(first, n, function(from, to) redis.call('LPUSH', DISPATCH_QUEUE, unpack(ARGV, from, to)) end)
    return 0
  end
  local marks, bucket, dropped = marks_at(first + n, n, m, flags), bucket_now(), 0
  local places, of_subaccounts = repeated(bucket, marks)
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
  if dropped < n then
    if of_subaccounts then release(bucket, of_subaccounts, 1, #of_subaccounts) end
    write_marks(bucket, marks, places)
  end
  return dropped, places
end

-- Counts resends for their campaigns, apart from what was dispatched first: nothing is counted for a campaign that is not
-- known any more. `resends` holds keys of progress, of, for each message the place of its key, 0 for none, and parked, by key;
-- `left_out` has the places of messages that are none, since they had gone out before.
local function count_resends(resends, left_out)
  local function add(key, field, number)
    if redis.call('EXISTS', key) == 1 then redis.call('HINCRBY', key, field, number) end
  end
  local counts = {}
  for place, index in ipairs(resends.of or {}) do
    if index > 0 and not (left_out and left_out[place]) then counts[index] = (counts[index] or 0) + 1 end
  end
  for index, number in pairs(counts) do add(resends.keys[index], 'resent', number) end
  for key, number in pairs(resends.parked or {}) do add(key, 'resend_parked', number) end
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
