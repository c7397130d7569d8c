"""Addresses of services as they may be shown: without their secrets."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from core.process.sentinel import SentinelAddress, is_sentinel

_NEXT_URL = re.compile(r"\s*[;,]\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)")


def masked(urls: str) -> str:
    """One URL, or several as kombu takes them, with *** for passwords, and without queries, which may hold others.

    What cannot be told from a password is taken for one: of an address with a slash, a question mark, a comma or a
    semicolon in its password, all is hidden up to the last @.
    """
    return ";".join(map(_masked, _NEXT_URL.split(urls)))


def _masked(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    if rest.startswith("/"):  # a file, or a socket
        return f"{scheme}{separator}{rest.partition('?')[0]}"
    place, question, query = rest.partition("?")
    if "@" in query and "@" not in place:
        user, colon, _ = place.partition(":")
        return f"{scheme}{separator}{user}{':***' if colon else ''}"
    login, at, host = (place if question else rest).rpartition("@")
    user, colon, _ = login.partition(":")
    return f"{scheme}{separator}{user}{':***' if colon else ''}{at}{host}"


def fault_of(urls: str) -> str | None:
    """What is wrong with the form of a broker's or Redis' URL, or of one of several; None: it can be read.

    The words hold nothing of the URL, for what stands in the place of a port may be a part of a password.
    """
    for url in urls.split(";"):
        try:
            _ = urlsplit(url).port
        except ValueError:
            return (
                "cannot be read: a port must be a number, and what is special in a password be written as %2F, %40, …"
            )
    if is_sentinel(urls):
        try:
            SentinelAddress.of(urls)
        except ValueError as error:
            return str(error)
    return None
