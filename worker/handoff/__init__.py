"""What hands a result over, the same for both brokers: chunks, parking, events, replay."""
