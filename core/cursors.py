"""Where a page of a list ended, as an opaque text that a reader gives back to have the next one."""

from __future__ import annotations

import base64
import binascii

from core.encoding import storable

#: What is said of a text that no list has returned.
NO_CURSOR = "is not one that a list has returned"


def as_cursor(place: str) -> str:
    """A place in a list as a text of letters, digits, `-` and `_`, which stands in links as it is."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place_of(cursor: str) -> str:
    """The inverse of `as_cursor`. Raises ValueError."""
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise ValueError(NO_CURSOR) from None
    if not storable(place):
        raise ValueError(NO_CURSOR)
    return place
