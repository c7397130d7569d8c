-- A page of the parked outbox, of no more records than fit in memory together.
-- Header: cursor, most, most_bytes.
-- Returns {next cursor, {id, record, ...}, ids of the page whose records would be too many bytes}.
local header = cjson.decode(ARGV[1])
local page = redis.call('HSCAN', OUTBOX, header.cursor, 'COUNT', header.most)
local entries, later, bytes = {}, {}, 0
for i = 1, #page[2], 2 do
  local id, record = page[2][i], page[2][i + 1]
  bytes = bytes + #record
  if bytes <= header.most_bytes then
    entries[#entries + 1], entries[#entries + 2] = id, record
  else
    later[#later + 1] = id
  end
end
return {page[1], entries, later}
