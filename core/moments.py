"""Every time that is read or written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

# RFC 3339, section 5.6, with the lower-case and space forms that it allows.
RFC3339_FORM = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
_RFC3339 = re.compile(RFC3339_FORM + r"\Z")
#: Where the seconds stand; a leap second is written as 60.
_SECONDS = slice(17, 19)


def parse_rfc3339(text: str) -> datetime:
    """`text` as aware UTC; a leap second is the one after it. Raises ValueError where it is no RFC 3339 time."""
    if not _RFC3339.match(text):
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-01-31T12:00:00Z")
    try:
        if text[_SECONDS] == "60":
            return _after_leap_second(text)
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a time that exists") from None


def _after_leap_second(text: str) -> datetime:
    before = datetime.fromisoformat(f"{text[: _SECONDS.start]}59{text[_SECONDS.stop :]}".upper()).astimezone(UTC)
    if (before.hour, before.minute) != (23, 59):
        raise ValueError("leap seconds end a day of UTC")
    return before + timedelta(seconds=1)


def rfc3339(moment: datetime) -> str:
    """`moment` as RFC 3339 in UTC with microseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def when(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def utc_now() -> datetime:
    """The present moment, aware."""
    return datetime.now(UTC)
