-- Counts the receipts of documents that RabbitMQ delivered, and remembers which documents these were: until the next ones
-- of the same connection, when RabbitMQ has heard that they are done.
-- Header: connection, its id; additions, as `add_receipts` takes them; before, how many of the lists were counted before.
-- Lists: the digests of the documents that were counted before, then those of the others.
local header, now = cjson.decode(ARGV[1]), now_ms()
local connections = redis.call('ZRANGE', FEEDBACK_CONNECTIONS, 0, -1)
for i = 2, header.before + 1 do
  for _, connection in ipairs(connections) do
    local key = FEEDBACK_COUNTED_STEM .. connection
    if connection ~= header.connection and (tonumber(redis.call('HGET', key, ARGV[i])) or 0) > 0 then
      redis.call('HINCRBY', key, ARGV[i], -1)
      break
    end
  end
end
local mine = FEEDBACK_COUNTED_STEM .. header.connection
redis.call('DEL', mine)
for i = 2, #ARGV do redis.call('HINCRBY', mine, ARGV[i], 1) end
redis.call('EXPIRE', mine, FEEDBACK_DOUBT_S)
redis.call('ZADD', FEEDBACK_CONNECTIONS, now, header.connection)
add_receipts(header.additions)
return 1
