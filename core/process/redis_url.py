"""Redis URLs as redis-py spells them."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

_CERTIFICATE_WORD = re.compile(r"(?<=[?&]ssl_cert_reqs=)CERT_(NONE|OPTIONAL|REQUIRED)\b")


def client_url(url: str) -> str:
    """Kombu's URL of a Redis socket, or with Celery's words for `ssl_cert_reqs`, as redis-py spells it; others as is."""
    parts = urlsplit(url)
    if parts.scheme == "rediss":
        return _CERTIFICATE_WORD.sub(lambda word: word[1].lower(), url)
    if parts.scheme != "redis+socket":
        return url
    database = parse_qs(parts.query).get("virtual_host", ["0"])[0].lstrip("/")
    return f"unix://{parts.netloc}{parts.path}?db={database or '0'}"
