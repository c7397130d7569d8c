"""The use case: a batch of messages in, enriched and parked ones out."""
