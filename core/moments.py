"""Every time that is read or written: one grammar, and one hand that writes.

The grammar is that of RFC 3339, section 5.6:

    moment = date ("T" / "t" / " ") clock offset      2026-07-01T00:00:00Z
    date   = YYYY "-" MM "-" DD                       in the Gregorian calendar, from the year 1 to 9999
    clock  = hh ":" mm ":" ss ["." digits]            digits beyond the microsecond are cut off
    offset = "Z" / "z" / ("+" / "-") hh ":" mm

A leap second (`:60`) is the second after it, where one can be: at the end of a day of UTC.

`parse_rfc3339` reads just that. It serves what programs write, such as `expires_at` on a queue: there a time that leaves
something open is a mistake of the program, which must hear of it before a message expires ten hours early.

`parse_moment` serves what people write, in inventory files, rule files and options of the command line. They may leave
out the seconds, the offset or the whole clock; what is left out is zero, and the offset UTC. So `2026-07-01` is the
first instant of that day in UTC, as registries and countries name their dates. Anything else is refused by both: week
dates, `20260701`, a comma before the fraction, an offset without its colon.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Literal

from core.errors import quoted

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MINUTE = "[0-9]{2}:[0-9]{2}"
_SECOND = r":[0-9]{2}(\.[0-9]+)?"
_OFFSET = "([Zz]|[+-][0-9]{2}:[0-9]{2})"

#: The form as a regular expression, for JSON schemas.
RFC3339_FORM = f"{_DATE}[Tt ]{_MINUTE}{_SECOND}{_OFFSET}"

_RFC3339 = re.compile(RFC3339_FORM + r"\Z")
_WRITTEN_BY_PEOPLE = re.compile(rf"{_DATE}([Tt ]{_MINUTE}({_SECOND})?{_OFFSET}?)?\Z")

#: Where the seconds stand; a leap second is written as 60.
_SECONDS = slice(17, 19)


def parse_rfc3339(text: str) -> datetime:
    """A time that a program wrote, as aware UTC. Raises ValueError where it is no RFC 3339 time."""
    if not _RFC3339.match(text):
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-01-31T12:00:00Z")
    try:
        return _moment(text)
    except (ValueError, OverflowError):
        raise ValueError("must be a time that exists") from None


def parse_moment(text: str) -> datetime:
    """A date or time that a person wrote, as aware UTC. Raises ValueError, which quotes it."""
    try:
        if _WRITTEN_BY_PEOPLE.match(text):
            return _moment(text)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{quoted(text)} is neither a date (2026-07-01) nor a time (2026-07-01T00:00:00Z)")


def _moment(text: str) -> datetime:
    if text[_SECONDS] == "60":
        return _after_leap_second(text)
    moment = datetime.fromisoformat(text.upper())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _after_leap_second(text: str) -> datetime:
    before = _moment(f"{text[: _SECONDS.start]}59{text[_SECONDS.stop :]}")
    if (before.hour, before.minute) != (23, 59):
        raise ValueError("leap seconds end a day of UTC")
    return before + timedelta(seconds=1)


def rfc3339(moment: datetime, precision: Literal["microseconds", "seconds", "auto"] = "microseconds") -> str:
    """The moment as RFC 3339 in UTC with a Z; `auto`: to the second, with microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def rfc3339_or_none(moment: datetime | None) -> str | None:
    """The moment as documents write it, where there is one."""
    return None if moment is None else rfc3339(moment)


def moment_text(moment: datetime) -> str:
    """The moment as sentences write it: no finer than it is."""
    return rfc3339(moment, "auto")


def second_text(moment: datetime | None) -> str | None:
    """The moment as tables for people show it, to the second, where there is one."""
    return None if moment is None else rfc3339(moment, "seconds")


def boundary_text(moment: datetime) -> str:
    """The moment at which a rule begins or ends, as people write it: a date where it is the first instant of one."""
    utc = moment.astimezone(UTC)
    return utc.date().isoformat() if utc.time() == time() else moment_text(utc)


def midnight_of(moment: datetime) -> datetime:
    """The first instant of its day in UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def utc_now() -> datetime:
    """The present moment, aware."""
    return datetime.now(UTC)
