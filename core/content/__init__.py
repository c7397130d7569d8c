"""What the text of a message is like: how it is encoded and how many segments it takes, and what stands in it."""
