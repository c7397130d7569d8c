"""Decisions, epochs and rules kept in the process and in Redis, and what happens when Redis is away."""
