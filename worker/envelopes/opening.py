"""Task messages that clients send with Celery, opened: what came in is a document, a task for Celery, or is refused.

They are opened in bulk, so that only those that need Celery itself pass through it. Nothing of a message reaches Celery
as it came: what Celery must run is written anew, from fields that were read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import MAXYEAR, MINYEAR
from typing import Annotated, Any, TypeAlias

import msgspec
from celery.utils.time import maybe_iso8601

from core.encoding import CONTENT_TYPE, UTF8_MARK, WHOLE_DOCUMENT, ContractError, decode_json
from core.errors import FieldError
from worker.envelopes.callbacks import allowed_callbacks
from worker.envelopes.handover import HIDDEN, Handed, handed_body, read_handed
from worker.envelopes.kombu_messages import KombuMessage
from worker.envelopes.newer_tasks import NEWER_TASK
from worker.envelopes.task_messages import (
    CAMPAIGN_TASK,
    MAX_NAME,
    MESSAGE_TASK,
    OF_NEWER_VERSION,
    CeleryHeaders,
    Retries,
    TaskHeaders,
    task_headers,
)
from worker.envelopes.unpacking import MAX_UNPACKED, unpacked
from worker.settings import Settings


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
    id: Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
    args: list[msgspec.Raw] = []
    kwargs: dict[str, msgspec.Raw] = {}
    eta: str | None = None
    expires: str | None = None
    retries: Retries | None = 0
    taskset: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] | None = None
    callbacks: Any = None
    errbacks: Any = None
    chord: Any = None


class TaskMessage(KombuMessage, kw_only=True):
    """A task message as it stands on a Redis list."""

    headers: TaskHeaders
    content_type: str = msgspec.field(name="content-type")


class _DeliveryInfo(msgspec.Struct):
    exchange: str
    routing_key: str


class _CeleryProperties(msgspec.Struct):
    delivery_info: _DeliveryInfo
    reply_to: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] | None = None


class _CeleryMessage(msgspec.Struct):
    """The parts of a list's element that Celery would use."""

    headers: CeleryHeaders
    properties: _CeleryProperties


#: Reads a list's element. Raises msgspec.DecodeError, which is a ValueError, and RecursionError.
decode_task_message = msgspec.json.Decoder(TaskMessage).decode
_decode_celery_message = msgspec.json.Decoder(_CeleryMessage).decode
_decode_body = msgspec.json.Decoder(tuple[list[msgspec.Raw], dict[str, msgspec.Raw], dict[str, Any] | None]).decode
_decode_first_protocol = msgspec.json.Decoder(_FirstProtocol).decode
_ARGUMENT = {MESSAGE_TASK: "message", CAMPAIGN_TASK: "batch"}
#: Bytes of a task's arguments beside its document.
BESIDE_DOCUMENT = 65_536
#: Bytes of a document that goes through Celery's consumer, which holds several copies of several tasks at once.
MOST_FOR_CELERY = 4_194_304
#: Stands in every task message whose headers do not name its task.
FIRST_PROTOCOL_MARK = b'.assign"'

_Kwargs = dict[str, msgspec.Raw]
#: Gives all headers that Celery would use, and where the result is to go. Raises ValueError or RecursionError.
_ReadAll = Callable[[], tuple[CeleryHeaders, str | None]]


def _nothing() -> None:
    return


class Opener:
    """Opens task messages. Total: what it cannot read, it refuses by field.

    With `results_kept` (a result backend is configured), a task whose result is not ignored goes to Celery.
    `callbacks_to` are the queues to which tasks may be sent on in a producer's name, `ours` those that are never among
    them. A body that is longer than `most_bytes` once it is unpacked is refused; `before_large` is called before a large one
    is unpacked. With `by_celery`, every task goes to Celery: what is opened comes from a queue that Celery itself consumes.
    """

    def __init__(
        self,
        *,
        results_kept: bool,
        callbacks_to: frozenset[str] = frozenset(),
        ours: frozenset[str] = frozenset(),
        by_celery: bool = False,
        most_bytes: int = MAX_UNPACKED,
        before_large: Callable[[], None] = _nothing,
    ) -> None:
        self._results_kept, self._by_celery, self.most_bytes = results_kept, by_celery, most_bytes
        self._callbacks_to, self._ours, self._before_large = callbacks_to - ours, ours, before_large

    @classmethod
    def of(cls, settings: Settings, *, document_bytes: int, before_large: Callable[[], None] = _nothing) -> Opener:
        """The opener of what clients send, each a document of at most so many bytes."""
        return cls(
            results_kept=settings.result_backend is not None,
            callbacks_to=settings.callback_queues,
            ours=settings.queue_names,
            most_bytes=document_bytes + BESIDE_DOCUMENT,
            before_large=before_large,
        )

    def open_kombu_message(self, raw: bytes) -> Opened:
        """Open a task message as kombu writes it to a Redis list."""
        try:
            message = decode_task_message(raw)
            body = message.body_bytes()
        except (ValueError, RecursionError) as error:
            return Refused(FieldError(WHOLE_DOCUMENT, f"is not a Celery task message: {_plain(error)}"))

        def read_all() -> tuple[CeleryHeaders, str | None]:
            read = _decode_celery_message(raw)
            return read.headers, read.properties.reply_to

        return self._open(message.headers, message.content_type, body, read_all)

    def open_delivery(self, headers: Mapping[str, Any], content_type: object, body: bytes, reply_to: object) -> Opened:
        """Open a task message as an AMQP delivery holds it: any values, as its producer wrote them."""
        try:
            read = msgspec.convert(headers, TaskHeaders)
        except (ValueError, RecursionError) as error:
            return Refused(FieldError("headers", f"are not a Celery task's: {_plain(error)}"))

        def read_all() -> tuple[CeleryHeaders, str | None]:
            return msgspec.convert(headers, CeleryHeaders), msgspec.convert(reply_to, str | None)

        return self._open(read, content_type, body, read_all)

    def _open(self, headers: TaskHeaders, content_type: object, body: bytes, read_all: _ReadAll) -> Opened:
        if headers.not_taken == OF_NEWER_VERSION:
            return Refused(NEWER_TASK)
        if headers.not_taken:
            return Refused(FieldError("headers", f"cannot be taken by Celery: {headers.not_taken[:MAX_NAME]}"))
        if content_type != CONTENT_TYPE:
            return Refused(FieldError("content-type", f"must be {CONTENT_TYPE}"))
        try:
            plain = unpacked(body, headers.compression, self.most_bytes, self._before_large).removeprefix(UTF8_MARK)
            if headers.task:
                args, kwargs, embed = _decode_body(plain)
            else:
                headers, args, kwargs, embed = _read_first_protocol(plain)
        except (ValueError, RecursionError) as error:
            return Refused(FieldError("body", f"is not a task's arguments: {_plain(error)}"))
        return self._opened(headers, (args, kwargs, embed), read_all)

    def _opened(self, headers: TaskHeaders, body: _Body, read_all: _ReadAll) -> Opened:
        task, (args, kwargs, embed) = headers.task, body
        if task not in _ARGUMENT or not headers.id:
            return Refused(FieldError("headers", "must name message.assign or campaign.assign, and an id"))
        if not (is_time(headers.eta) and is_time(headers.expires)):
            return Refused(FieldError("headers", "eta and expires must be times of ISO 8601"))
        handed = read_handed(kwargs) if kwargs and not args else None
        document = _document(task, args, kwargs) if handed is None else _bytes_of(handed)
        if document is None:
            return Refused(FieldError("args", f"must be one argument, the {_ARGUMENT[task]}"))
        callbacks = allowed_callbacks(embed, self._callbacks_to)
        if isinstance(callbacks, FieldError):
            return Refused(callbacks)
        expires = headers.expires or (handed and handed.expires) or None
        kept = self._results_kept and not headers.ignore_result
        asks = kept or expires or callbacks or _asks_for_celery(headers) or self._by_celery
        # What is no JSON is parked as it is, without waiting for the time that its task names.
        if not asks or not _is_json(document):
            return Document(document)
        return self._for_celery(headers, read_all, document, expires, callbacks)

    def _for_celery(
        self, read: TaskHeaders, read_all: _ReadAll, document: bytes, expires: str | None, callbacks: dict[str, Any]
    ) -> Opened:
        if len(document) > MOST_FOR_CELERY:
            reason = f"is {len(document)} bytes long; with what only Celery gives, at most {MOST_FOR_CELERY} are taken"
            return Refused(FieldError("args", reason))
        try:
            headers, reply_to = read_all()
        except (ValueError, RecursionError) as error:
            return Refused(FieldError("headers", f"cannot be taken by Celery: {_plain(error)}"))
        if reply_to in self._ours:
            return Refused(FieldError("properties.reply_to", "must not name a queue of Smart Assign"))
        properties = {"correlation_id": read.id} | ({"reply_to": reply_to} if reply_to else {})
        try:
            return ForCelery(_celery_headers(read, headers), properties, handed_body(document, expires, callbacks))
        except ValueError as error:
            return Refused(FieldError("body", f"cannot be taken by Celery: {_plain(error)}"))


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


def is_time(text: str | None) -> bool:
    """Whether Celery can read it, and reckon with it in any time zone."""
    try:
        return not text or MINYEAR < maybe_iso8601(text).year < MAXYEAR
    except (ValueError, OverflowError):
        return False


def _celery_headers(read: TaskHeaders, headers: CeleryHeaders) -> dict[str, Any]:
    """The headers with which a task goes on: those that were read, and nothing that Celery would show.

    Its expiry travels with its document: Celery drops a task that has expired, and its message with it. `read` may
    come from the body, where a message of Celery's first protocol says what it asks for.
    """
    asked = {"eta": read.eta or None, "group": read.group or None, "group_index": headers.group_index}
    asked |= {"retries": read.retries or 0, "ignore_result": read.ignore_result, "shadow": headers.shadow}
    asked |= {"root_id": headers.root_id or read.id, "parent_id": headers.parent_id}
    return task_headers(read.task, read.id, HIDDEN) | {"kwargsrepr": HIDDEN} | asked


def _plain(error: Exception) -> str:
    """What a decoder says of a document, without any part of the document."""
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
