"""The address of a Redis behind Sentinel, in Celery's form: `sentinel://h1:26379;sentinel://h2:26379/0?master_name=NAME`.

Login and password before the @ are those of the Redis; the Sentinels' own password, if they have one, is `sentinel_password`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

SCHEME = "sentinel"
_PORT = 26379


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """Where the Sentinels are, and what they watch."""

    nodes: tuple[tuple[str, int], ...]
    master_name: str
    database: int = 0
    username: str | None = None
    password: str | None = None
    sentinel_password: str | None = None

    @classmethod
    def of(cls, url: str) -> SentinelAddress:
        """Read a URL. Raises ValueError, whose words hold nothing of it that could be a password."""
        parts = [urlsplit(each.strip()) for each in url.split(";") if each.strip()]
        if any(part.scheme != SCHEME or not part.hostname for part in parts):
            raise ValueError(f"must name each Sentinel as {SCHEME}://HOST:PORT, separated by semicolons")
        query = {name: values[-1] for part in parts for name, values in parse_qs(part.query).items()}
        paths = [path for part in parts if (path := part.path.strip("/"))]
        if not query.get("master_name"):
            raise ValueError("must say which primary the Sentinels watch: ?master_name=NAME at its end")
        if unknown := sorted(query.keys() - {"master_name", "sentinel_password"}):
            raise ValueError(f"has query parameters that are not known: {', '.join(unknown)}")
        if paths and not paths[-1].isdecimal():
            raise ValueError("must have the number of a database, or nothing, for its path")
        logins = [part for part in parts if part.password is not None or part.username]
        login = logins[-1] if logins else parts[0]
        return cls(
            tuple((str(part.hostname), part.port or _PORT) for part in parts),
            query["master_name"],
            int(paths[-1]) if paths else 0,
            unquote(login.username) if login.username else None,
            unquote(login.password) if login.password else None,
            query.get("sentinel_password"),
        )

    @property
    def redis_options(self) -> dict[str, Any]:
        """What the connections to the Redis itself need, as redis-py names it."""
        return {"db": self.database, "username": self.username, "password": self.password}

    @property
    def sentinel_options(self) -> dict[str, Any]:
        """What those to the Sentinels need."""
        return {"password": self.sentinel_password} if self.sentinel_password else {}


def is_sentinel(url: str) -> bool:
    """Whether the URL is of this form."""
    return url.startswith(f"{SCHEME}://")


def kombu_form(url: str) -> tuple[str, Mapping[str, Any]]:
    """The URL as kombu reads it, which looks at the first Sentinel's alone, and the transport options that belong to it."""
    address = SentinelAddress.of(url)
    login = ""
    if address.username or address.password:
        login = f"{quote(address.username or '', safe='')}:{quote(address.password or '', safe='')}@"
    nodes = (f"{SCHEME}://{login}{_bracketed(host)}:{port}/{address.database}" for host, port in address.nodes)
    options: dict[str, Any] = {"master_name": address.master_name}
    if address.sentinel_options:
        options["sentinel_kwargs"] = address.sentinel_options
    return ";".join(nodes), options


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
