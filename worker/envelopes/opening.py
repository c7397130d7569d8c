"""Task messages that clients send with Celery, opened: what came in is a document, a task for Celery, or is refused.

They are opened in bulk, so that only those that need Celery itself pass through it. Nothing of a message reaches Celery
as it came: what Celery must run is written anew, from fields that were read here.
"""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR
from typing import Any, TypeAlias

import msgspec
from celery.utils.time import maybe_iso8601

from core.encoding import CONTENT_TYPE, WHOLE_DOCUMENT, ContractError, decode_json
from core.errors import FieldError
from worker.envelopes.handover import HIDDEN, Handed, handed_body, read_handed
from worker.envelopes.kombu_messages import KombuMessage
from worker.envelopes.task_messages import CAMPAIGN_TASK, MESSAGE_TASK, TaskHeaders, task_headers
from worker.envelopes.unpacking import unpacked


class Document(msgspec.Struct, frozen=True, gc=False):
    """A document to work on."""

    content: bytes


class ForCelery(msgspec.Struct, frozen=True):
    """A task that asks for what only Celery gives, as it goes on to Celery: headers, properties and body."""

    headers: dict[str, Any]
    properties: dict[str, Any]
    body: bytes

    @property
    def task(self) -> str:
        """The name of the task."""
        return str(self.headers["task"])


class Refused(msgspec.Struct, frozen=True):
    """What cannot be read, and why."""

    error: FieldError


#: What a task message holds.
Opened: TypeAlias = Document | ForCelery | Refused


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


class _TaskMessage(KombuMessage, kw_only=True):
    """A task message as it stands on a Redis list."""

    headers: TaskHeaders
    content_type: str = msgspec.field(name="content-type")


_decode_message = msgspec.json.Decoder(_TaskMessage).decode
_decode_body = msgspec.json.Decoder(tuple[list[msgspec.Raw], dict[str, msgspec.Raw], dict[str, Any] | None]).decode
_decode_first_protocol = msgspec.json.Decoder(_FirstProtocol).decode
_ARGUMENT = {MESSAGE_TASK: "message", CAMPAIGN_TASK: "batch"}
#: Stands in every task message whose headers do not name its task.
FIRST_PROTOCOL_MARK = b'.assign"'

_Kwargs = dict[str, msgspec.Raw]


class Opener:
    """Opens task messages. Total: what it cannot read, it refuses by field.

    With `results_kept` (a result backend is configured), a task whose result is not ignored goes to Celery.
    """

    def __init__(self, *, results_kept: bool) -> None:
        self._results_kept = results_kept

    def open_kombu_message(self, raw: bytes) -> Opened:
        """Open a task message as kombu writes it to a Redis list."""
        try:
            message = _decode_message(raw)
            body = message.body_bytes()
        except (ValueError, RecursionError) as error:
            return Refused(FieldError(WHOLE_DOCUMENT, f"is not a Celery task message: {_plain(error)}"))
        return self.open_task(message.headers, message.content_type, body, message.properties.reply_to)

    def open_task(self, headers: TaskHeaders, content_type: str, body: bytes, reply_to: str | None = None) -> Opened:
        """Open a task message whose headers have been read; `reply_to` is where its result may be waited for."""
        if content_type != CONTENT_TYPE:
            return Refused(FieldError("content-type", f"must be {CONTENT_TYPE}"))
        try:
            plain = unpacked(body, headers.compression)
            if headers.task:
                args, kwargs, embed = _decode_body(plain)
            else:
                headers, args, kwargs, embed = _read_first_protocol(plain)
            return self._opened(headers, (args, kwargs, embed), reply_to)
        except (ValueError, RecursionError) as error:
            return Refused(FieldError("body", f"is not a task's arguments: {_plain(error)}"))

    def _opened(self, headers: TaskHeaders, body: _Body, reply_to: str | None) -> Opened:
        """Raises ValueError where its callbacks are nested too deeply."""
        task, (args, kwargs, embed) = headers.task, body
        if task not in _ARGUMENT or not headers.id:
            return Refused(FieldError("headers", "must name message.assign or campaign.assign, and an id"))
        if not (_is_time(headers.eta) and _is_time(headers.expires)):
            return Refused(FieldError("headers", "eta and expires must be times of ISO 8601"))
        handed = read_handed(kwargs) if kwargs and not args else None
        document = _document(task, args, kwargs) if handed is None else _bytes_of(handed)
        if document is None:
            return Refused(FieldError("args", f"must be one argument, the {_ARGUMENT[task]}"))
        expires = headers.expires or (handed and handed.expires) or None
        kept = self._results_kept and not headers.ignore_result
        asks = kept or expires or _asks_for_celery(headers) or any((embed or {}).values())
        # What is no JSON is parked as it is, without waiting for the time that its task names.
        if not asks or not _is_json(document):
            return Document(document)
        return ForCelery(
            _celery_headers(headers), _properties(headers, reply_to), handed_body(document, expires, embed)
        )


_Body = tuple[list[msgspec.Raw], _Kwargs, dict[str, Any] | None]


def _read_first_protocol(body: bytes) -> tuple[TaskHeaders, list[msgspec.Raw], _Kwargs, dict[str, Any]]:
    first = _decode_first_protocol(body)
    headers = TaskHeaders(first.task, first.id, first.eta, first.expires, first.taskset, first.retries)
    embed = {"callbacks": first.callbacks, "errbacks": first.errbacks, "chord": first.chord}
    return headers, first.args, first.kwargs, embed


def _is_json(document: bytes) -> bool:
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


def _celery_headers(headers: TaskHeaders) -> dict[str, Any]:
    """The headers with which a task goes on: those that were read, and nothing that Celery would show.

    Its expiry travels with its document: Celery drops a task that has expired, and its message with it.
    """
    asked = {"eta": headers.eta, "group": headers.group, "group_index": headers.group_index}
    asked |= {"retries": headers.retries or 0, "ignore_result": headers.ignore_result, "shadow": headers.shadow}
    asked |= {"root_id": headers.root_id or headers.id, "parent_id": headers.parent_id}
    return task_headers(headers.task, headers.id, HIDDEN) | {"kwargsrepr": HIDDEN} | asked


def _properties(headers: TaskHeaders, reply_to: str | None) -> dict[str, Any]:
    return {"correlation_id": headers.id} | ({"reply_to": reply_to} if reply_to else {})


def _plain(error: Exception) -> str:
    """What a decoder says of a document, without any part of the document."""
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
