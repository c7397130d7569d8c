"""The demonstration: sample accounts, messages and a campaign, run through a real worker."""
