"""kombu's envelope on Redis, written and opened; Celery's task messages on both brokers.

A stock kombu consumer reads what `seal` writes. Tasks that clients send with Celery are opened here in bulk, so that
only those that need Celery itself pass through it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pybase64

from core.contracts import CONTENT_TYPE, WHOLE_DOCUMENT, encode_json
from core.errors import FieldError

MESSAGE_TASK = "message.assign"
CAMPAIGN_TASK = "campaign.assign"
WORK_TASK = "messages.assign"
BATCH_TASK = "batches.assign"

#: What Flower, logs and results show in the place of a task's arguments.
HIDDEN = "(…)"

_ENCODED_BODY = b'{"body": "'
_TAIL = (
    '", "content-encoding": "utf-8", "content-type": "' + CONTENT_TYPE + '", "headers": {}, "properties": '
    '{"delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "%s"}, "priority": 0, '
    '"body_encoding": "base64", "message_id": "'
)


class Sealer:
    """Writes JSON documents as kombu messages for one Redis queue.

    A delivery tag must be unique, because kombu's consumers keep unacknowledged messages by it; one random stem
    serves a whole batch.
    """

    def __init__(self, queue: str) -> None:
        self._tail = (_TAIL % queue).encode()

    def seal(self, payloads: Sequence[bytes], message_ids: Sequence[str]) -> list[bytes]:
        """One envelope for each payload, with the AMQP property `message_id`."""
        tail, stem, encode = self._tail, uuid.uuid4().hex.encode(), pybase64.b64encode
        return [
            b'%b%b%b%b", "delivery_tag": "%b-%d"}}'
            % (_ENCODED_BODY, encode(payload), tail, message_id.encode(), stem, index)
            for index, (payload, message_id) in enumerate(zip(payloads, message_ids, strict=True))
        ]


def task_headers(name: str, task_id: str, shown_args: str) -> dict[str, object]:
    """The headers of a Celery task message, protocol 2; `shown_args` is what Flower shows."""
    return {
        "lang": "py",
        "task": name,
        "id": task_id,
        "shadow": None,
        "eta": None,
        "expires": None,
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": [None, None],
        "root_id": task_id,
        "parent_id": None,
        "argsrepr": shown_args,
        "kwargsrepr": "{}",
        "origin": "smart-assign",
        "ignore_result": True,
    }


_NO_EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def work_envelope(task: str, queue: str, claim: str = "@CLAIM@", count: str = "@COUNT@") -> bytes:
    """The task `task(claim, count)` as a kombu message; the Redis scripts fill in claim and count."""
    body = f'[["{claim}", {count}], {{}}, {encode_json(_NO_EMBED).decode()}]'
    task_id = f"{claim}-{uuid.uuid4().hex[:8]}"
    return encode_json(
        {
            "body": body,
            "content-encoding": "utf-8",
            "content-type": CONTENT_TYPE,
            "headers": task_headers(task, task_id, f"({claim!r}, {count})"),
            "properties": {
                "correlation_id": task_id,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
                "body_encoding": "utf-8",
                "delivery_tag": task_id,
            },
        }
    )


@dataclass(frozen=True, slots=True)
class Opened:
    """What a task message holds: a document to work on, or a task for Celery itself, or a refusal.

    `task` is the task's name; `for_celery` the message, untouched but for the hidden arguments.
    """

    task: str = MESSAGE_TASK
    document: bytes | None = None
    for_celery: bytes | None = None
    refused: FieldError | None = None


class TaskHeaders(msgspec.Struct):
    """The headers of a Celery task message that tell what it asks for."""

    task: str
    id: str
    eta: Any = None
    expires: Any = None
    group: Any = None
    retries: int | None = 0
    timelimit: Sequence[Any] | None = None
    ignore_result: bool | None = None
    compression: str | None = None
    shadow: str | None = None


class _KombuMessage(msgspec.Struct):
    body: str
    headers: TaskHeaders
    properties: Mapping[str, Any]
    content_type: str = msgspec.field(name="content-type")
    content_encoding: str = msgspec.field(name="content-encoding")


_decode_kombu = msgspec.json.Decoder(_KombuMessage).decode
_decode_body = msgspec.json.Decoder(tuple[list[msgspec.Raw], dict[str, msgspec.Raw], dict[str, Any] | None]).decode
_ARGUMENT = {MESSAGE_TASK: "message", CAMPAIGN_TASK: "batch"}


def open_kombu_message(raw: bytes, *, results_kept: bool) -> Opened:
    """Open a task message as kombu writes it to a Redis list. Total: what it cannot read, it refuses by field.

    With `results_kept` (a result backend is configured), a task whose result is not ignored goes to Celery.
    """
    try:
        message = _decode_kombu(raw)
        body = _body_bytes(message)
    except (ValueError, RecursionError) as error:
        return Opened(refused=FieldError(WHOLE_DOCUMENT, f"is not a Celery task message: {_plain(error)}"))
    opened = open_task(message.headers, message.content_type, body, results_kept=results_kept)
    return Opened(message.headers.task, for_celery=_with_hidden_arguments(raw)) if opened is NEEDS_CELERY else opened


def _body_bytes(message: _KombuMessage) -> bytes:
    encoding = message.properties.get("body_encoding")
    if encoding == "base64":
        return pybase64.b64decode(message.body, validate=True)
    if encoding in (None, "utf-8"):
        return message.body.encode()
    raise ValueError("properties.body_encoding is unknown")


#: The answer of `open_task` for a task that asks for what only Celery gives.
NEEDS_CELERY = Opened(for_celery=b"")


def open_task(headers: TaskHeaders, content_type: str, body: bytes, *, results_kept: bool) -> Opened:
    """The document in the arguments of a task, or `NEEDS_CELERY`, or the refusal."""
    if headers.task not in _ARGUMENT:
        return Opened(refused=FieldError("headers.task", "must be message.assign or campaign.assign"))
    if content_type != CONTENT_TYPE:
        return Opened(headers.task, refused=FieldError("content-type", f"must be {CONTENT_TYPE}"))
    if _asks_for_celery(headers) or (results_kept and not headers.ignore_result):
        return NEEDS_CELERY
    try:
        args, kwargs, embed = _decode_body(body)
    except (ValueError, RecursionError) as error:
        return Opened(headers.task, refused=FieldError("body", f"is not a task's arguments: {_plain(error)}"))
    if embed and any(embed.values()):
        return NEEDS_CELERY
    return _with_document(headers.task, args, kwargs)


def _with_document(task: str, args: list[msgspec.Raw], kwargs: dict[str, msgspec.Raw]) -> Opened:
    name = _ARGUMENT[task]
    if len(args) == 1 and not kwargs:
        return Opened(task, document=bytes(args[0]))
    if not args and kwargs.keys() == {name}:
        return Opened(task, document=bytes(kwargs[name]))
    return Opened(task, refused=FieldError("args", f"must be one argument, the {name}"))


def _asks_for_celery(headers: TaskHeaders) -> bool:
    limits = headers.timelimit or ()
    return bool(
        headers.eta or headers.expires or headers.group or headers.retries or headers.compression or any(limits)
    )


def _with_hidden_arguments(raw: bytes) -> bytes:
    message = msgspec.json.decode(raw)
    message["headers"] |= {"argsrepr": HIDDEN, "kwargsrepr": HIDDEN}
    return encode_json(message)


def _plain(error: Exception) -> str:
    """What a decoder says of a document, without any part of the document."""
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
