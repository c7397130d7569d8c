-- Put before the scripts that count receipts. core/trust/rates.py says what the figures are, and does the same (`Rates`).
local WINDOW = 100

-- The rates of one source as they have faded until `now`, in s.
local function faded(key, source, now)
  local raw, ok, rates = redis.call('HGET', key, source), false, nil
  if raw then ok, rates = pcall(cjson.decode, raw) end
  if not ok or type(rates) ~= 'table' or #rates ~= 9 then return {now, 0, 0, 0, 0, 0, 0, 0, 0} end
  local age = math.max(0, now - rates[1])
  local fade, quick = 0.5 ^ (age / HALF_LIFE_S), 0.5 ^ (age / RECENT_HALF_LIFE_S)
  rates[1] = math.max(now, rates[1])
  for i = 2, 6 do rates[i] = rates[i] * fade end
  rates[7], rates[8] = rates[7] * quick, rates[8] * quick
  return rates
end

-- Adds receipts: for each sender and source {text of its key, source, delivered, failed, blocked, expired, spam, recent,
-- recent_good, newest}.
local function add_receipts(additions)
  local ms = now_ms()
  for _, added in ipairs(additions) do
    local key, source = RATES_STEM .. added[1], added[2]
    local rates = faded(key, source, ms / 1000)
    for i = 2, 6 do rates[i] = rates[i] + added[i + 1] end
    local recent, good = added[8], added[9]
    if recent > 0 then
      local keep = (1 - 1 / WINDOW) ^ recent
      rates[7] = rates[7] * keep + WINDOW * (1 - keep)
      rates[8] = rates[8] * keep + WINDOW * (1 - keep) * good / recent
    end
    rates[9] = math.max(rates[9], added[10])
    redis.call('HSET', key, source, cjson.encode(rates))
    redis.call('EXPIRE', key, FORGOTTEN_S)
    redis.call('ZADD', TRUST_DUE, ms, added[1])
  end
end
