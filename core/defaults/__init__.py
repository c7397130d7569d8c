"""Default senders: their form, their compliance, inheritance, assign-all and what is at risk."""
