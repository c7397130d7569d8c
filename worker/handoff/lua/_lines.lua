-- Put before the scripts that part a long queue by account, so that one account's messages do not hold up another's.
-- A line is a list of claims that wait, the next one last. LINES, of a lane: the accounts that have a line, the next one
-- last; LINE_STEM: what the keys of the lines begin with, and the key of the line of all others.
local SHARE = 4    -- an account has a line of its own that sent one in so many of the documents
local SAMPLED = 32
local LONGEST = 64 -- characters of an account that has one

-- Gives a function that reads whose a document is, nil where it does not say so in the usual place: a hint, by which no
-- more is decided than when its turn is. A document that is like the one before takes next to no time.
local function account_reader(of_tasks)
  local name = of_tasks and "'account_id'" or '"account_id"'
  local value = of_tasks and "^'account_id': '([^'\\]+)'" or '^"account_id"%s*:%s*"([^"\\]+)"'
  local known, at, length, account = nil, 1, 0, nil
  return function(document)
    if known and string.sub(document, at, at + length) == known then return account end
    local from = string.find(document, name, 1, true)
    local first, last, found = string.find(document, value, from or #document + 1)
    if not found or #found > LONGEST then return nil end
    known, at, length, account = string.sub(document, first, last), first, last - first, found
    return found
  end
end

-- Whether one account sent so many of these documents that they are to be parted.
local function is_crowded(documents, count, of_tasks)
  local account_of, counts = account_reader(of_tasks), {}
  for i = 1, SAMPLED do
    local account = account_of(documents[math.ceil(i * count / SAMPLED)])
    if account then
      counts[account] = (counts[account] or 0) + 1
      if counts[account] >= SAMPLED / SHARE then return true end
    end
  end
  return false
end
