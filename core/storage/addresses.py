"""A database's URL as SQLAlchemy and psycopg take it: several hosts as libpq writes them, and prepared statements."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

#: Only `scheme://login@h1:5432,h2:5432/database?…`: an address that SQLAlchemy cannot read.
_SEVERAL = re.compile(
    r"(?P<scheme>[a-z+0-9]+)://(?P<login>[^@/?]*@)?(?P<hosts>[^@/?]*,[^@/?]*)(?P<rest>(?:[/?].*)?)\Z", re.DOTALL
)
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:,/\s]+)(:[0-9]{1,5})?\Z")
_PORT = ":5432"
_PREPARE = "prepare_threshold"
_TARGET = "target_session_attrs"


def database_url(text: str) -> URL:
    """Read a URL. Raises ArgumentError, whose words never hold a password."""
    found = _SEVERAL.match(text)
    if found is None:
        return _single(text)
    hosts = found["hosts"].split(",")
    if not all(map(_HOST.match, hosts)):
        raise ArgumentError("the database's URL names several hosts, and one of them cannot be read: h1:5432,h2:5432")
    # SQLAlchemy's own form of several hosts is one query parameter for each.
    url = _single(f"{found['scheme']}://{found['login'] or ''}{found['rest'] or '/'}")
    url = url.update_query_pairs([("host", host) for host in hosts])
    # The first host that answers may be a standby, which takes no writes.
    return url if _TARGET in url.query else url.update_query_dict({_TARGET: "read-write"})


def host_options(url: URL) -> dict[str, str]:
    """Several hosts as psycopg is given them, addresses of IPv6 too, on which SQLAlchemy stumbles."""
    hosts = url.query.get("host")
    found = [_HOST.match(host) for host in hosts] if isinstance(hosts, tuple) else []
    named = [each for each in found if each is not None]
    if not named or len(named) < len(found):
        return {}  # one host, or folders of sockets
    return {
        "host": ",".join(each[1].strip("[]") for each in named),
        "port": ",".join((each[2] or _PORT)[1:] for each in named),
    }


def _single(text: str) -> URL:
    try:
        return make_url(text)
    except ValueError:
        raise ArgumentError("the database's URL cannot be read: its port must be a number") from None


def prepare_options(url: URL, *, prepared_statements: bool) -> tuple[URL, dict[str, Any]]:
    """The URL without psycopg's `prepare_threshold`, and what psycopg is given in its place. Raises ArgumentError.

    It takes a number, or None for no prepared statements at all, and a URL holds neither.
    """
    given = url.query.get(_PREPARE)
    bare = url.difference_update_query([_PREPARE])
    if given is None:
        return bare, {} if prepared_statements else {_PREPARE: None}
    if str(given).lower() in {"none", "null", ""}:
        return bare, {_PREPARE: None}
    if not (isinstance(given, str) and given.isdecimal()):
        raise ArgumentError(f"{_PREPARE} in the database's URL must be a whole number, or `none`")
    return bare, {_PREPARE: int(given)}
