"""The inventory file: accounts, senders, registrations and defaults, line by line into SQL."""
