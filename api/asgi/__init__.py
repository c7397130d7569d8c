"""ASGI middleware that no library has: HEAD answered as GET, and a bound on request bodies."""
