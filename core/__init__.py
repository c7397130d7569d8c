"""Decides: which Sender ID a message leaves from, and why. Knows no queue, no HTTP, no environment."""
