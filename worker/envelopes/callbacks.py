"""What a producer's task asks to be done after it: allowed where the deployment names the queue, else refused.

A link, an errback, a chain or a chord makes our worker publish a task in its own name, with the broker's credentials
that are ours. A producer may write to a few queues; what it cannot write itself, it is not to have written by us.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from core.errors import FieldError
from worker.envelopes.task_messages import MAX_NAME

#: Where a task message holds what follows it.
KINDS = ("callbacks", "errbacks", "chain", "chord")
#: Tasks that may follow one task, in all.
MOST_CALLBACKS = 100
NOT_ALLOWED = "asks for tasks to be sent on, and ALLOW_CALLBACKS_TO does not name their queue"

_Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]


class _Options(msgspec.Struct, omit_defaults=True):
    """What is kept of a signature's options; every other way to name an exchange or a queue is left out."""

    queue: _Name
    task_id: _Name | None = None
    group_id: _Name | None = None
    group_index: int | None = None
    root_id: _Name | None = None
    parent_id: _Name | None = None
    countdown: float | None = None
    link: list[_Signature] | None = None
    link_error: list[_Signature] | None = None


class _Signature(msgspec.Struct):
    """One task to be sent on: a plain one, for a group or a chain in its place could hold any other."""

    task: _Name
    options: _Options
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    subtask_type: None = None
    immutable: bool = False
    chord_size: int | None = None


class _RefusalError(Exception):
    """A signature that may not be sent on."""


def allowed_callbacks(embed: Mapping[str, Any] | None, queues: frozenset[str]) -> dict[str, Any] | FieldError:
    """What follows a task, written anew; or the field that asks for more than may be sent to `queues`."""
    allowed: dict[str, Any] = {}
    for kind in KINDS:
        asked = (embed or {}).get(kind)
        if not asked:
            continue
        try:
            signatures = msgspec.convert(asked if isinstance(asked, list) else [asked], list[_Signature])
            _check(signatures, queues, [0])
        except (_RefusalError, msgspec.ValidationError, RecursionError):
            return FieldError(f"body.{kind}", NOT_ALLOWED)
        written = msgspec.to_builtins(signatures)
        allowed[kind] = written if isinstance(asked, list) else written[0]
    return allowed


def _check(signatures: list[_Signature], queues: frozenset[str], counted: list[int]) -> None:
    for signature in signatures:
        counted[0] += 1
        if signature.options.queue not in queues or counted[0] > MOST_CALLBACKS:
            raise _RefusalError
        for following in (signature.options.link, signature.options.link_error):
            _check(following or [], queues, counted)
