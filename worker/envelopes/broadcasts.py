"""Messages between Celery's programs: commands on the control channel, answers to them, events of other workers.

They come by queues and channels to which a stranger may be able to write. Each is read here, bounded, and written anew
for kombu; what cannot be read is dropped, for it holds nobody's message.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import pybase64

from core.encoding import CONTENT_TYPE, encode_json
from worker.envelopes.commands import Commands
from worker.envelopes.handover import check_levels
from worker.envelopes.kombu_messages import KombuMessage
from worker.envelopes.task_messages import MAX_NAME

#: What the names of the queues and exchanges of the control channel end with, and those of its answers.
_COMMANDS, _ANSWERS = ".celery.pidbox", ".reply.celery.pidbox"
#: A larger command or event is not one.
MAX_BYTES = 4_194_304

_Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]


class _ReplyTo(msgspec.Struct):
    exchange: Annotated[str, msgspec.Meta(max_length=MAX_NAME, pattern=r"^reply\..*\.pidbox$")]
    routing_key: _Name


class _Command(msgspec.Struct, omit_defaults=True):
    """A command of `celery control`, `celery inspect` or Flower. A regular expression could hold up its matcher."""

    method: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
    arguments: msgspec.Raw = msgspec.Raw(b"null")
    destination: list[_Name] | None = None
    pattern: _Name | None = None
    matcher: Literal["glob"] | None = None
    reply_to: _ReplyTo | None = None
    ticket: _Name | None = None


class _Headers(msgspec.Struct, omit_defaults=True):
    clock: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    expires: float | None = None
    ticket: _Name | None = None
    hostname: _Name | None = None


class _DeliveryInfo(msgspec.Struct):
    exchange: str = ""
    routing_key: str = ""


class _Properties(msgspec.Struct):
    body_encoding: str | None = None
    delivery_info: _DeliveryInfo = msgspec.field(default_factory=_DeliveryInfo)


class _Message(KombuMessage, kw_only=True):
    headers: _Headers = msgspec.field(default_factory=_Headers)
    properties: _Properties = msgspec.field(default_factory=_Properties)  # type: ignore[assignment]
    content_type: str = msgspec.field(name="content-type", default="")


class Broadcast(msgspec.Struct, frozen=True):
    """A message between Celery's programs, as kombu is to get it."""

    headers: dict[str, Any]
    body: bytes


_TOLD = tuple(name for name in _Command.__struct_fields__ if name != "arguments")

_decode_message = msgspec.json.Decoder(_Message).decode
_decode_command = msgspec.json.Decoder(_Command).decode
_decode_any = msgspec.json.Decoder(dict[str, Any] | list[dict[str, Any]]).decode


def is_command_channel(name: str) -> bool:
    """Whether a queue or an exchange carries commands."""
    return f".{name}".endswith(_COMMANDS) and not is_answer_channel(name)


def is_answer_channel(name: str) -> bool:
    """Whether a queue or an exchange carries answers to commands."""
    return f".{name}".endswith(_ANSWERS)


def read_broadcast(raw: bytes, commands: Commands | None) -> bytes:
    """An element of a list or channel of Redis, written anew. Raises ValueError where it cannot be read.

    It must be one of `commands`; None: it is an answer or an event.
    """
    try:
        message = _decode_message(raw)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    read = read_broadcast_delivery(
        msgspec.to_builtins(message.headers), message.content_type, message.body_bytes(), commands
    )
    told = message.properties.delivery_info
    return encode_json(
        {
            "body": pybase64.b64encode(read.body).decode(),
            "content-encoding": "utf-8",
            "content-type": CONTENT_TYPE,
            "headers": read.headers,
            "properties": {
                "delivery_mode": 1,
                "delivery_info": {"exchange": told.exchange, "routing_key": told.routing_key},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": uuid.uuid4().hex,
            },
        }
    )


def read_broadcast_delivery(
    headers: Mapping[str, Any], content_type: object, body: bytes, commands: Commands | None
) -> Broadcast:
    """The same of a RabbitMQ delivery. Raises ValueError where it cannot be read."""
    if content_type != CONTENT_TYPE or len(body) > MAX_BYTES:
        raise ValueError(f"it is not {CONTENT_TYPE} of at most {MAX_BYTES} bytes")
    try:
        read = msgspec.convert(headers, _Headers)
        document = _decode_any(body) if commands is None else _command(body, commands)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    check_levels(document)
    return Broadcast(msgspec.to_builtins(read), encode_json(document))


def _command(body: bytes, commands: Commands) -> dict[str, Any]:
    """Raises ValueError and RecursionError."""
    read = _decode_command(body)
    if read.method not in commands:
        raise ValueError("it is no command that is obeyed here")
    given = bytes(read.arguments)
    arguments = msgspec.json.decode(b"{}" if given == b"null" else given, type=commands[read.method])
    told = {name: value for name in _TOLD if (value := getattr(read, name)) is not None}
    return msgspec.to_builtins(told | {"arguments": arguments})  # type: ignore[no-any-return]  # msgspec's
