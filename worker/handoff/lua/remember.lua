-- Remembers as dispatched what had been reserved.
-- Header: second_marks, how many, and flags of whose they are, where there are any; resends, what is to be counted for
--         campaigns in the same step, where there is any (count_resends).
-- Lists: the marks, the second marks.
local header = cjson.decode(ARGV[1])
local seconds = header.second_marks or 0
remember(marks_at(2, #ARGV - 1 - seconds, seconds, header.flags))
if header.resends then count_resends(header.resends) end
