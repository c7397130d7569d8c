"""`smart-assign campaign`: send, preview and status."""
