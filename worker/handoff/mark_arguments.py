"""Marks as the scripts take them: one for each message, and the second marks of those that have one.

The mark of a message is 14 bytes. Where a worker of the first edition may take a copy of a message of a sub-account, 14 more
follow, by which that worker knows it (docs/decisions/0021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.contract.ids import MARK_BYTES


@dataclass(frozen=True, slots=True)
class MarkArguments:
    """`second` belong, in their order, to the marks that have a 1 in `flags`; None: all have one, or none has."""

    first: Sequence[bytes]
    second: Sequence[bytes] = ()
    flags: str | None = None


def mark_arguments(marks: Sequence[bytes]) -> MarkArguments:
    """The arguments for a script; most often no mark has a second one, and then nothing is copied."""
    if not marks or max(map(len, marks)) <= MARK_BYTES:
        return MarkArguments(marks)
    first = [mark[:MARK_BYTES] for mark in marks]
    second = [mark[MARK_BYTES:] for mark in marks if len(mark) > MARK_BYTES]
    mixed = 0 < len(second) < len(first)
    flags = "".join("1" if len(mark) > MARK_BYTES else "0" for mark in marks) if mixed else None
    return MarkArguments(first, second, flags)
