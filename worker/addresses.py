"""Addresses of services as they may be shown: without their secrets."""

from __future__ import annotations


def masked(url: str) -> str:
    """The URL with *** for its password, and without its query, which may hold another."""
    scheme, separator, rest = url.partition("?")[0].partition("://")
    netloc, slash, path = rest.partition("/")
    login, at, place = netloc.rpartition("@")
    user, colon, _ = login.partition(":")
    return f"{scheme}{separator}{user}{':***' if colon else ''}{at}{place}{slash}{path}"
