"""Moves: the queue in, the queue out."""
