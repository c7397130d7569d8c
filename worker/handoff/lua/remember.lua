-- Remembers as dispatched what had been reserved.
-- Lists: the marks.
remember(1, #ARGV)
