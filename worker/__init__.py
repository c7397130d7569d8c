"""Moves: the queue in, the queue out. Importing this package builds nothing and opens nothing."""
