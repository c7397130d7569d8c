"""Redis URLs as redis-py spells them."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit


def client_url(url: str) -> str:
    """Kombu's URL of a Redis socket as redis-py spells it; any other URL unchanged."""
    parts = urlsplit(url)
    if parts.scheme != "redis+socket":
        return url
    database = parse_qs(parts.query).get("virtual_host", ["0"])[0].lstrip("/")
    return f"unix://{parts.netloc}{parts.path}?db={database or '0'}"
