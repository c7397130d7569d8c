-- Reserves the marks of messages that are about to be published, all of them or none.
-- Header: reserved_ms, for how long; redelivered, how many marks, at the end, came in a redelivery: whoever had reserved
--         those has lost them.
-- Lists: the marks.
-- A message of a sub-account is reserved by the mark that it shares with those of other sub-accounts, which wait for it.
-- Returns the places, from 1, of the marks that were dispatched before; nothing where another holds one of the rest.
local FIRST = 2
local header, n, now = cjson.decode(ARGV[1]), #ARGV - FIRST + 1, now_ms()
redis.call('ZREMRANGEBYSCORE', RESERVED, '-inf', now)
local known = repeated(bucket_now(), FIRST, n) or {}

local held = false
in_chunks(FIRST, n - header.redelivered, function(from, to)
  local shorts = {}
  for i = from, to do shorts[#shorts + 1] = short_of(ARGV[i]) end
  local scores = redis.call('ZMSCORE', RESERVED, unpack(shorts))
  for i = 1, #scores do
    if scores[i] and not known[from - FIRST + i] then held = true end
  end
end)
if held then return false end

local places, pairs_to_add = {}, {}
for i = 1, n do
  if known[i] then
    places[#places + 1] = i
  else
    pairs_to_add[#pairs_to_add + 1] = now + header.reserved_ms
    pairs_to_add[#pairs_to_add + 1] = short_of(ARGV[FIRST + i - 1])
  end
end
in_chunks(1, #pairs_to_add, function(from, to) redis.call('ZADD', RESERVED, unpack(pairs_to_add, from, to)) end)
return places
