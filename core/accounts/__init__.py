"""Accounts, sub-accounts, their senders, and the facts that a decision needs of them."""
