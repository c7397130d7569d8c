"""The embedded default: a Redis server of our own on a socket and SQLite beside it, where nothing is configured."""
