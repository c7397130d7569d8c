-- Reserves the marks of messages that are about to be published, all of them or none; second marks like others.
-- Header: reserved_ms, for how long; redelivered, second_redelivered, how many marks and second marks, at the end of each,
--         came in a redelivery: whoever had reserved those has lost them; second_marks, how many, and flags of whose they
--         are, where there are any.
-- Lists: the marks, the second marks.
-- Returns the places, from 1, of the marks that were dispatched before; nothing where another holds one of the rest.
local header, now = cjson.decode(ARGV[1]), now_ms()
local seconds = header.second_marks or 0
local n = #ARGV - 1 - seconds
local marks = marks_at(2, n, seconds, header.flags)
redis.call('ZREMRANGEBYSCORE', RESERVED, '-inf', now)
local known = repeated(bucket_now(), marks) or {}
local owners = seconds > 0 and places_of_seconds(marks) or {}

local held = false
local function look(first, count, place_of)
  in_chunks(first, count, function(from, to)
    local scores = redis.call('ZMSCORE', RESERVED, unpack(ARGV, from, to))
    for i = 1, #scores do
      if scores[i] and not known[place_of(from - first + i)] then held = true end
    end
  end)
end
look(marks.first, n - header.redelivered, function(i) return i end)
look(marks.seconds, seconds - (header.second_redelivered or 0), function(i) return owners[i] end)
if held then return false end

local places, pairs_to_add = {}, {}
local function reserve(mark)
  pairs_to_add[#pairs_to_add + 1] = now + header.reserved_ms
  pairs_to_add[#pairs_to_add + 1] = mark
end
for i = 1, n do
  if known[i] then
    places[#places + 1] = i
  else
    reserve(ARGV[marks.first + i - 1])
  end
end
for i, place in ipairs(owners) do
  if not known[place] then reserve(ARGV[marks.seconds + i - 1]) end
end
in_chunks(1, #pairs_to_add, function(from, to) redis.call('ZADD', RESERVED, unpack(pairs_to_add, from, to)) end)
return places
