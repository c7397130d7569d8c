-- Whether a worker of the first edition, which knows no sub-accounts, may be about: within some time of an upgrade, and
-- where one has marked a message since. Says too since when this edition has worked here, where nobody has said it yet.
-- Header: upgrade_s, how long an upgrade may take.
local header, now = cjson.decode(ARGV[1]), tonumber(redis.call('TIME')[1])
redis.call('SET', EDITION, now, 'NX')
if now - redis.call('GET', EDITION) < header.upgrade_s then return 1 end
local bucket = bucket_now()
for age = 0, 2 do
  if has_members_of_first_edition(bucket - age) then return 1 end
end
return 0
