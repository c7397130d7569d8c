"""kombu's envelope on Redis, written and opened; Celery's task messages on both brokers.

A stock kombu consumer reads what `seal` writes. Tasks that clients send with Celery are opened here in bulk, so that
only those that need Celery itself pass through it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR
from typing import Annotated, Any

import msgspec
import pybase64
from celery.utils.time import maybe_iso8601

from core.contracts import CONTENT_TYPE, WHOLE_DOCUMENT, ContractError, decode_json, encode_json
from core.errors import FieldError
from worker.unpacking import unpacked

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

    `task` is the task's name; `for_celery` the message without its arguments' text and compression; out of
    `open_task`, its body alone.
    """

    task: str = MESSAGE_TASK
    document: bytes | None = None
    for_celery: bytes | None = None
    refused: FieldError | None = None


class TaskHeaders(msgspec.Struct):
    """The headers of a Celery task message that tell what it asks for; of any other type, Celery could not take them."""

    task: str
    id: str
    eta: str | None = None
    expires: str | None = None
    group: str | None = None
    retries: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = 0
    timelimit: tuple[float | None, float | None] | None = None
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
        opened = open_task(message.headers, message.content_type, body, results_kept=results_kept)
        if opened.for_celery is not None:
            return Opened(opened.task, for_celery=_for_celery(raw, opened.for_celery))
    except (ValueError, RecursionError) as error:
        return Opened(refused=FieldError(WHOLE_DOCUMENT, f"is not a Celery task message: {_plain(error)}"))
    return opened


def _body_bytes(message: _KombuMessage) -> bytes:
    encoding = message.properties.get("body_encoding")
    if encoding == "base64":
        return pybase64.b64decode(message.body, validate=True)
    if encoding in (None, "utf-8"):
        return message.body.encode()
    raise ValueError("properties.body_encoding is unknown")


def open_task(headers: TaskHeaders, content_type: str, body: bytes, *, results_kept: bool) -> Opened:
    """The document in the arguments of a task; where it asks for what only Celery gives, its body; or the refusal."""
    if headers.task not in _ARGUMENT:
        return Opened(refused=FieldError("headers.task", "must be message.assign or campaign.assign"))
    if content_type != CONTENT_TYPE:
        return Opened(headers.task, refused=FieldError("content-type", f"must be {CONTENT_TYPE}"))
    if not (_is_time(headers.eta) and _is_time(headers.expires)):
        return Opened(headers.task, refused=FieldError("headers", "eta and expires must be times of ISO 8601"))
    try:
        plain = unpacked(body, headers.compression)
        args, kwargs, embed = _decode_body(plain)
    except (ValueError, RecursionError) as error:
        return Opened(headers.task, refused=FieldError("body", f"is not a task's arguments: {_plain(error)}"))
    opened = _with_document(headers.task, args, kwargs)
    kept = results_kept and not headers.ignore_result
    asks = kept or _asks_for_celery(headers) or any((embed or {}).values())
    if opened.document is not None and asks and _is_json(opened.document):
        return Opened(headers.task, for_celery=plain)
    return opened


def _is_json(document: bytes) -> bool:
    """Celery would drop a task whose text it cannot decode, or read a number beyond a double as infinity."""
    try:
        decode_json(document)
    except ContractError:
        return False
    return True


def _with_document(task: str, args: list[msgspec.Raw], kwargs: dict[str, msgspec.Raw]) -> Opened:
    name = _ARGUMENT[task]
    if len(args) == 1 and not kwargs:
        return Opened(task, document=bytes(args[0]))
    if not args and kwargs.keys() == {name}:
        return Opened(task, document=bytes(kwargs[name]))
    return Opened(task, refused=FieldError("args", f"must be one argument, the {name}"))


def _asks_for_celery(headers: TaskHeaders) -> bool:
    limits = headers.timelimit or ()
    return bool(headers.eta or headers.expires or headers.group or headers.retries or any(limits))


def _is_time(text: str | None) -> bool:
    """Whether Celery can read it, and reckon with it in any time zone."""
    try:
        return not text or MINYEAR < maybe_iso8601(text).year < MAXYEAR
    except (ValueError, OverflowError):
        return False


def _for_celery(raw: bytes, body: bytes) -> bytes:
    """The message for Celery's own consumer. Raises ValueError or RecursionError.

    It would end at a delivery tag that it cannot use, and would show arguments and decompress them in the parent.
    """
    message = msgspec.json.decode(raw)
    properties = message["properties"] | {"body_encoding": "base64", "delivery_tag": uuid.uuid4().hex, "priority": 0}
    headers = message["headers"] | {"argsrepr": HIDDEN, "kwargsrepr": HIDDEN}
    headers.pop("compression", None)
    text = pybase64.b64encode(body).decode()
    return encode_json(message | {"body": text, "headers": headers, "properties": properties})


def _plain(error: Exception) -> str:
    """What a decoder says of a document, without any part of the document."""
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
