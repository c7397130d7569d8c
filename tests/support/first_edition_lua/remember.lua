-- Remembers as dispatched what had been reserved.
-- KEYS: 1 stem of the seen-buckets, 2 reserved marks
-- ARGV: 1 seconds of the idempotency window, then the marks
remember(KEYS[1], KEYS[2], tonumber(ARGV[1]), 2, #ARGV - 1)
