"""What decides: pure functions over facts, which know no Redis, no SQL and no library but msgspec."""
