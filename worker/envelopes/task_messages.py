"""kombu's envelope on Redis, written and opened; Celery's task messages on both brokers.

A stock kombu consumer reads what `seal` writes. Tasks that clients send with Celery are opened here in bulk, so that
only those that need Celery itself pass through it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import MAXYEAR, MINYEAR
from typing import Annotated, Any

import msgspec
import pybase64
from celery.utils.time import maybe_iso8601

from core.encoding import CONTENT_TYPE, WHOLE_DOCUMENT, ContractError, decode_json, encode_json
from core.errors import FieldError
from worker.envelopes.handover import HIDDEN, Handed, handed_body, handed_headers, read_handed
from worker.envelopes.unpacking import unpacked

MESSAGE_TASK = "message.assign"
CAMPAIGN_TASK = "campaign.assign"
WORK_TASK = "messages.assign"
BATCH_TASK = "batches.assign"

_ENCODED_BODY = b'{"body": "'
_TAIL = (
    '", "content-encoding": "utf-8", "content-type": "' + CONTENT_TYPE + '", "headers": {}, "properties": '
    '{"delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "%s"}, "priority": 0, '
    '"body_encoding": "base64", "message_id": "'
)


#: The ends of the envelopes of one batch.
_ENDS = [b'%d"}}' % place for place in range(4096)]


class Sealer:
    """Writes JSON documents as kombu messages for one Redis queue.

    A delivery tag must be unique, because kombu's consumers keep unacknowledged messages by it; one random stem
    serves a whole batch.
    """

    def __init__(self, queue: str) -> None:
        self._tail = (_TAIL % queue).encode()

    def seal(self, payloads: Sequence[bytes], message_ids: Sequence[bytes]) -> list[bytes]:
        """One envelope for each payload, with the AMQP property `message_id`, which is ASCII without quotes."""
        head, tail, join, encode = _ENCODED_BODY, self._tail, b"".join, pybase64.b64encode
        tag, size = b'", "delivery_tag": "%b-' % uuid.uuid4().hex.encode(), len(payloads)
        ends = _ENDS[:size] if size <= len(_ENDS) else [b'%d"}}' % place for place in range(size)]
        return [
            join((head, encode(payload), tail, message_id, tag, end))
            for payload, message_id, end in zip(payloads, message_ids, ends, strict=True)
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


class TaskHeaders(msgspec.Struct):
    """The headers of a Celery task message that tell what it asks for; of any other type, Celery could not take them.

    Without `task` it may be a message of Celery's first protocol, which says all of this in its body.
    """

    task: str = ""
    id: str = ""
    eta: str | None = None
    expires: str | None = None
    group: str | None = None
    retries: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = 0
    timelimit: tuple[float | None, float | None] | None = None
    ignore_result: bool | None = None
    compression: str | None = None
    shadow: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """What a task message holds: a document to work on, or a task for Celery itself, or a refusal.

    `task` is the task's name, `headers` what it asks for; `for_celery` the message as it goes on to Celery; out of
    `open_task`, its body alone.
    """

    task: str = MESSAGE_TASK
    headers: TaskHeaders | None = None
    document: bytes | None = None
    for_celery: bytes | None = None
    refused: FieldError | None = None


class _FirstProtocol(msgspec.Struct):
    """A task message of Celery's first protocol, as clients in other languages still write it."""

    task: str
    id: str
    args: list[msgspec.Raw] = []
    kwargs: dict[str, msgspec.Raw] = {}
    eta: str | None = None
    expires: str | None = None
    retries: int | None = 0
    taskset: str | None = None
    callbacks: Any = None
    errbacks: Any = None
    chord: Any = None


class _KombuMessage(msgspec.Struct):
    body: str
    headers: TaskHeaders
    properties: Mapping[str, Any]
    content_type: str = msgspec.field(name="content-type")
    content_encoding: str = msgspec.field(name="content-encoding")


_decode_kombu = msgspec.json.Decoder(_KombuMessage).decode
_decode_body = msgspec.json.Decoder(tuple[list[msgspec.Raw], dict[str, msgspec.Raw], dict[str, Any] | None]).decode
_decode_first_protocol = msgspec.json.Decoder(_FirstProtocol).decode
_ARGUMENT = {MESSAGE_TASK: "message", CAMPAIGN_TASK: "batch"}
#: Stands in every task message whose headers do not name its task.
FIRST_PROTOCOL_MARK = b'.assign"'


def open_kombu_message(raw: bytes, *, results_kept: bool) -> Opened:
    """Open a task message as kombu writes it to a Redis list. Total: what it cannot read, it refuses by field.

    With `results_kept` (a result backend is configured), a task whose result is not ignored goes to Celery.
    """
    try:
        message = _decode_kombu(raw)
        body = _body_bytes(message)
        opened = open_task(message.headers, message.content_type, body, results_kept=results_kept)
        if opened.for_celery is not None:
            return replace(opened, for_celery=_for_celery(raw, opened))
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
    if content_type != CONTENT_TYPE:
        return Opened(headers.task, refused=FieldError("content-type", f"must be {CONTENT_TYPE}"))
    try:
        plain = unpacked(body, headers.compression)
        if headers.task:
            args, kwargs, embed = _decode_body(plain)
        else:
            headers, args, kwargs, embed = _read_first_protocol(plain)
        return _opened(headers, args, kwargs, embed, results_kept=results_kept)
    except (ValueError, RecursionError) as error:
        return Opened(headers.task, refused=FieldError("body", f"is not a task's arguments: {_plain(error)}"))


_Kwargs = dict[str, msgspec.Raw]


def _read_first_protocol(body: bytes) -> tuple[TaskHeaders, list[msgspec.Raw], _Kwargs, dict[str, Any]]:
    first = _decode_first_protocol(body)
    headers = TaskHeaders(first.task, first.id, first.eta, first.expires, first.taskset, first.retries)
    embed = {"callbacks": first.callbacks, "errbacks": first.errbacks, "chord": first.chord}
    return headers, first.args, first.kwargs, embed


def _opened(
    headers: TaskHeaders, args: list[msgspec.Raw], kwargs: _Kwargs, embed: dict[str, Any] | None, *, results_kept: bool
) -> Opened:
    """Raises ValueError where its callbacks are nested too deeply."""
    task = headers.task
    if task not in _ARGUMENT or not headers.id:
        return Opened(refused=FieldError("headers", "must name message.assign or campaign.assign, and an id"))
    if not (_is_time(headers.eta) and _is_time(headers.expires)):
        return Opened(task, refused=FieldError("headers", "eta and expires must be times of ISO 8601"))
    handed = read_handed(kwargs) if kwargs and not args else None
    document = _document(task, args, kwargs) if handed is None else _bytes_of(handed)
    if document is None:
        return Opened(task, refused=FieldError("args", f"must be one argument, the {_ARGUMENT[task]}"))
    expires = headers.expires or (handed and handed.expires) or None
    kept = results_kept and not headers.ignore_result
    asks = kept or expires or _asks_for_celery(headers) or any((embed or {}).values())
    if asks and _is_json(document):
        return Opened(task, headers, for_celery=handed_body(document, expires, embed))
    return Opened(task, document=document)


def _is_json(document: bytes) -> bool:
    """What is none need not wait for its time to be parked."""
    try:
        decode_json(document)
    except ContractError:
        return False
    return True


def _document(task: str, args: list[msgspec.Raw], kwargs: _Kwargs) -> bytes | None:
    if len(args) == 1 and not kwargs:
        return bytes(args[0])
    name = _ARGUMENT[task]
    return bytes(kwargs[name]) if not args and kwargs.keys() == {name} else None


def _bytes_of(handed: Handed) -> bytes | None:
    try:
        return handed.document.encode("latin-1")
    except UnicodeEncodeError:
        return None


def _asks_for_celery(headers: TaskHeaders) -> bool:
    """Time limits do not count: they guard a pool, and a claim has its deadline."""
    return bool(headers.eta or headers.group or headers.retries)


def _is_time(text: str | None) -> bool:
    """Whether Celery can read it, and reckon with it in any time zone."""
    try:
        return not text or MINYEAR < maybe_iso8601(text).year < MAXYEAR
    except (ValueError, OverflowError):
        return False


def headers_for_celery(sent: Mapping[str, Any], headers: TaskHeaders) -> dict[str, Any]:
    """The headers with which a task goes on to Celery. Raises ValueError where they are nested too deeply."""
    named = {"task": headers.task, "id": headers.id, "group": headers.group, "eta": headers.eta}
    asked = named | {"retries": headers.retries or 0, "ignore_result": headers.ignore_result}
    return task_headers(headers.task, headers.id, HIDDEN) | handed_headers(sent, asked)


def _for_celery(raw: bytes, opened: Opened) -> bytes:
    """The message for Celery's own consumer. Raises ValueError or RecursionError.

    It would end at a delivery tag that it cannot use, and would decompress in the parent.
    """
    message = msgspec.json.decode(raw)
    properties = message["properties"] | {"body_encoding": "base64", "delivery_tag": uuid.uuid4().hex, "priority": 0}
    headers = headers_for_celery(message["headers"], opened.headers or TaskHeaders())
    text = pybase64.b64encode(opened.for_celery or b"").decode()
    told = {"body": text, "headers": headers, "properties": properties, "content-encoding": "utf-8"}
    return encode_json(message | told)


def _plain(error: Exception) -> str:
    """What a decoder says of a document, without any part of the document."""
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
