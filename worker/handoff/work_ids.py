"""Ids of claims and batches, which say when their documents were taken in: UUIDs of version 7 (RFC 9562, section 5.7)."""

from __future__ import annotations

import re
import secrets
import time

_FORM = re.compile(r"-([0-9a-f]{12})7[0-9a-f]{19}")
_VERSION_AND_VARIANT = (0x7 << 76) | (0b10 << 62)
_RANDOM_BITS = 80
_FREE_BITS = ((1 << 12) - 1) << 64 | ((1 << 62) - 1)


def new_work_id(stem: str, taken_at: float | None = None) -> str:
    """A new id, which begins with `stem`; `taken_at` is Unix time in seconds, now unless it is given."""
    moment_ms = int((time.time() if taken_at is None else taken_at) * 1000)
    random = secrets.randbits(_RANDOM_BITS) & _FREE_BITS | _VERSION_AND_VARIANT
    return f"{stem}-{moment_ms << _RANDOM_BITS | random:032x}"


def taken_at(work_id: str) -> float | None:
    """When the documents of this work were taken in, by the clock of whoever did it; None: its id does not say."""
    found = _FORM.search(work_id)
    return int(found[1], 16) / 1000 if found else None
