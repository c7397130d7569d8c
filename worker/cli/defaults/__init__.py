"""`smart-assign defaults`: default senders, one by one and for many countries at once."""
