-- Counts the receipts of a claim and ends it, once: a claim that has been settled is left alone.
-- Header: claim_id; additions, as `add_receipts` takes them; parked, how many are in the list.
-- Lists: id and record of each parked one.
-- Returns 1, or nothing where it was settled before.
local header = cjson.decode(ARGV[1])
if redis.call('DEL', FEEDBACK_CLAIM_STEM .. header.claim_id) == 0 then return false end
redis.call('ZREM', FEEDBACK_CLAIMS, header.claim_id)
redis.call('HDEL', FEEDBACK_ATTEMPTS, header.claim_id)
add_receipts(header.additions)
park(2, header.parked)
return 1
