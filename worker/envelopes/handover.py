"""Tasks that go on to Celery's own consumer, written so that nothing in them can trip it.

The document travels as one text. Celery would pickle decoded arguments on their way to the pool, where deep nesting
fails and takes the place of a pool process with it for good; and it would turn what looks like one of kombu's typed
values into another. Expiry is ours: Celery drops a task that expired, and its message with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from celery.utils.time import maybe_iso8601

from core.encoding import encode_json

#: What Flower, logs and results show in the place of a task's arguments.
HIDDEN = "(…)"
#: Levels of lists and objects in callbacks; Celery's pickling fails at a few hundred.
MOST_LEVELS = 100


class Handed(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """The keyword arguments of a task that was handed over: a document, one character a byte, and the task's end."""

    document: str
    expires: str | None = None


def handed_body(document: bytes, expires: str | None, embed: Mapping[str, Any] | None) -> bytes:
    """The body of the task message; `embed` holds its callbacks. Raises ValueError where they are nested too deeply."""
    check_levels(embed)
    return encode_json([[], Handed(document.decode("latin-1"), expires), embed or {}])


def read_handed(kwargs: Mapping[str, msgspec.Raw]) -> Handed | None:
    """What was handed over before, in a task that Celery enqueued once more; None: these are other arguments."""
    try:
        return msgspec.json.decode(encode_json(kwargs), type=Handed)
    except msgspec.DecodeError:
        return None


def has_passed(expires: str | None, now: datetime) -> bool:
    """Whether the end of a task has come, a time of ISO 8601 as Celery writes it; without an offset it is UTC."""
    if not expires:
        return False
    end: datetime = maybe_iso8601(expires)
    return (end if end.tzinfo else end.replace(tzinfo=UTC)) <= now


def check_levels(value: object) -> None:
    """Raises ValueError where lists and objects are nested more than MOST_LEVELS deep."""
    inner, levels = [value], 0
    while inner:
        if levels > MOST_LEVELS:
            raise ValueError("it is nested too deeply")
        inner = [part for each in inner for part in _parts(each)]
        levels += 1


def _parts(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []
