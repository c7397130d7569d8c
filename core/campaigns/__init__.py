"""Campaign batches and the arithmetic of their progress."""
