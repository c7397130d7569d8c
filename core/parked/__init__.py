"""What could not be dispatched: its record, its store and its replay."""
