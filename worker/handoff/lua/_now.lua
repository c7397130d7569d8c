-- Put before the scripts that ask what time it is: by the server's clock, for workers' clocks differ.
local function now_ms()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end
