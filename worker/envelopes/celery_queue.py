"""The queue that Celery itself works off: which tasks may stand there, and how each is written anew.

Whoever may write to a queue may write anything. A message that is none of these tasks is not shown to Celery: it goes
where task messages of clients go, and is opened, and worked on or parked, as one of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec

from core.encoding import CONTENT_TYPE, encode_json
from worker.envelopes.opening import ForCelery, Opener, decode_task_message, is_time
from worker.envelopes.sealing import sealed_for_celery, work_envelope
from worker.envelopes.task_messages import (
    BATCH_TASK,
    CAMPAIGN_TASK,
    CHECK_DEFAULTS_TASK,
    CLEAN_UP_RESULTS_TASK,
    MESSAGE_TASK,
    NOT_TAKEN,
    OF_NEWER_VERSION,
    PRUNE_DECISIONS_TASK,
    PRUNE_PARKED_TASK,
    WORK_TASK,
    TaskHeaders,
    task_headers,
)

_CLAIM_ID = re.compile(r"[a-z_]{1,40}-[0-9a-f]{32}(\.[0-9]{1,9}){0,3}", re.ASCII)
#: The form of the arguments of what the scheduler, and a task of its, enqueues.
_NO_ARGUMENTS = Annotated[list[UUID], msgspec.Meta(max_length=0)]
_SCHEDULED: Mapping[str, Any] = {
    PRUNE_DECISIONS_TASK: _NO_ARGUMENTS,
    PRUNE_PARKED_TASK: _NO_ARGUMENTS,
    CLEAN_UP_RESULTS_TASK: _NO_ARGUMENTS,
    CHECK_DEFAULTS_TASK: Annotated[list[UUID], msgspec.Meta(max_length=1)],
}
#: Names are `noun.verb`; ids are those that Celery gives.
_SCHEDULED_NAME = re.compile(r"[a-z_]{1,40}\.[a-z_]{1,40}", re.ASCII)
_TASK_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_read_newer = msgspec.json.Decoder(tuple[list[str], dict[str, msgspec.Raw], Any]).decode
_read_claim = msgspec.json.Decoder(tuple[tuple[str, int], dict[str, msgspec.Raw], Any]).decode
_read_scheduled = {
    task: msgspec.json.Decoder(tuple[arguments, dict[str, msgspec.Raw], Any]).decode  # type: ignore[valid-type]
    for task, arguments in _SCHEDULED.items()
}


def is_of_newer_version(headers: Mapping[str, Any], content_type: object, body: bytes) -> bool:
    """Whether this is no task of ours, and yet just as our scheduler writes one: a newer version's wrote it. Total."""
    try:
        read = msgspec.convert(headers, TaskHeaders)
        args, kwargs, _ = _read_newer(body)
    except (ValueError, RecursionError):
        return False
    known = read.task in _SCHEDULED or read.task in {WORK_TASK, BATCH_TASK, MESSAGE_TASK, CAMPAIGN_TASK}
    form = bool(_SCHEDULED_NAME.fullmatch(read.task)) and bool(_TASK_ID.fullmatch(read.id)) and not read.compression
    return form and not known and content_type == CONTENT_TYPE and not kwargs and len(args) <= 1 and not read.eta


class CeleryQueue:
    """Reads what stands on Celery's queue. Total: None stands for what Celery is not to see."""

    def __init__(self, *, callbacks_to: frozenset[str], ours: frozenset[str]) -> None:
        self._opener = Opener(results_kept=True, callbacks_to=callbacks_to, ours=ours, by_celery=True)

    def read_element(self, raw: bytes, queue: str) -> bytes | None:
        """The element of the Redis list `queue` as Celery is to get it."""
        try:
            message = decode_task_message(raw)
            name = message.headers.task
            if name in {WORK_TASK, BATCH_TASK}:
                return _claim_envelope(name, message.body_bytes(), queue)
            if name in _SCHEDULED:
                task = _scheduled(message.headers, message.content_type, message.body_bytes())
                return sealed_for_celery(task, queue)
        except (ValueError, RecursionError):
            return None
        opened = self._opener.open_kombu_message(raw) if name in {MESSAGE_TASK, CAMPAIGN_TASK} else None
        return sealed_for_celery(opened, queue) if isinstance(opened, ForCelery) else None


def marked_as_newer(raw: bytes) -> bytes | None:
    """An element that a newer version's scheduler wrote, with a header that says so to whoever opens it; else None."""
    try:
        message = decode_task_message(raw)
        headers: dict[str, Any] = msgspec.to_builtins(message.headers)
        if not is_of_newer_version(headers, message.content_type, message.body_bytes()):
            return None
        marked = msgspec.json.decode(raw)
        marked["headers"][NOT_TAKEN] = OF_NEWER_VERSION
        return encode_json(marked)
    except (ValueError, RecursionError, TypeError, KeyError):
        return None


def read_scheduled(headers: Mapping[str, Any], content_type: object, body: bytes) -> ForCelery | None:
    """The task of the scheduler that a RabbitMQ delivery is; None: it is none."""
    try:
        read = msgspec.convert(headers, TaskHeaders)
        return _scheduled(read, content_type, body) if read.task in _SCHEDULED else None
    except (ValueError, RecursionError):
        return None


def _claim_envelope(task: str, body: bytes, queue: str) -> bytes:
    """Raises ValueError where it does not name a claim."""
    (claim_id, count), kwargs, _ = _read_claim(body)
    if kwargs or count < 0 or not _CLAIM_ID.fullmatch(claim_id):
        raise ValueError("it names no claim")
    return work_envelope(task, queue, claim_id, str(count))


def _scheduled(headers: TaskHeaders, content_type: object, body: bytes) -> ForCelery:
    """Raises ValueError where it is not as the scheduler writes it."""
    args, kwargs, _ = _read_scheduled[headers.task](body)
    if content_type != CONTENT_TYPE or kwargs or not (headers.id and is_time(headers.expires)) or headers.compression:
        raise ValueError("the scheduler writes no such task")
    written = task_headers(headers.task, headers.id, "()") | {"expires": headers.expires or None}
    return ForCelery(written, {"correlation_id": headers.id}, encode_json([args, {}, {}]))
