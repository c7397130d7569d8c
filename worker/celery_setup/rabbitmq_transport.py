"""py-amqp and kombu, behind a door: properties that a stranger wrote are read here before they see them.

py-amqp ends its connection's loop at a property that it cannot read (a text that is not UTF-8, a time in the year
300,000,000, a table nested a thousand deep), and the worker with it. Here such properties are replaced by one header that says
so, and the message is delivered with it. Commands of the control channel are written anew (`worker.envelopes`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from struct import pack
from typing import Any

import structlog
from amqp.exceptions import RecoverableConnectionError, ResourceLocked
from amqp.method_framing import frame_handler
from amqp.serialization import decode_properties_basic
from kombu.transport import TRANSPORT_ALIASES, pyamqp

from core.process.log_events import LogEvent
from worker.celery_setup.control import obeyed
from worker.configuration import configured
from worker.envelopes.broadcasts import is_answer_channel, is_command_channel, read_broadcast_delivery
from worker.rabbitmq_broker import connections
from worker.rabbitmq_broker.deliveries import UNREADABLE

log = structlog.get_logger(__name__)

#: The queues of events of other workers.
_EVENTS = "celeryev"
_HEADER = 2
#: How long one waits for RabbitMQ to notice that a connection is dead, before one asks again.
LOCKED_PAUSE_S = 1.0
#: Bytes of a content header before its properties: class, weight, size of the body.
_BEFORE_PROPERTIES = 12
_HEADERS_FLAG = 1 << 13

Frame = tuple[int, int, bytes]


def reading_frame_handler(connection: Any, callback: Callable[..., object]) -> Callable[[Frame], bool]:
    """py-amqp's handler of frames, which is given a content header that it can read in the place of one that it cannot."""
    on_frame: Callable[[Frame], bool] = frame_handler(connection, callback)

    def on_any_frame(frame: Frame) -> bool:
        try:
            return on_frame(frame)
        except Exception:
            kind, channel, payload = frame
            reason = _why_unreadable(payload) if kind == _HEADER else None
            if reason is None:
                raise
        # The handler still waits for the header of this message.
        return on_frame((kind, channel, payload[:_BEFORE_PROPERTIES] + _properties_that_say(reason)))

    return on_any_frame


def _why_unreadable(payload: bytes) -> str | None:
    try:
        decode_properties_basic(payload, _BEFORE_PROPERTIES)
    except Exception as error:  # noqa: BLE001  # whatever it is that py-amqp trips over
        return type(error).__name__
    return None


def _properties_that_say(reason: str) -> bytes:
    name, text = UNREADABLE.encode(), reason.encode()
    entry = pack(">B", len(name)) + name + b"S" + pack(">I", len(text)) + text
    return pack(">HI", _HEADERS_FLAG, len(entry)) + entry


class Channel(connections.Channel):
    """A channel whose consumers of commands, answers and events get what was written anew, and may fail over none."""

    def queue_declare(self, *args: Any, **options: Any) -> Any:
        """As py-amqp's. Raises RecoverableConnectionError while the queue is held by a connection that is dead already.

        RabbitMQ may notice its end later than this side does, and Celery takes the refusal for a fault of its own.
        """
        try:
            return super().queue_declare(*args, **options)
        except ResourceLocked as error:
            time.sleep(LOCKED_PAUSE_S)
            raise RecoverableConnectionError(
                "RabbitMQ still holds a queue of the connection before this one"
            ) from error

    def _basic_publish(self, msg: Any, exchange: str = "", routing_key: str = "", **options: Any) -> Any:
        """As py-amqp's. What a producer's task asks to be sent on comes back where nobody declared its queue, and is told of."""
        if not exchange and routing_key in configured().settings.callback_queues:
            self.events["basic_return"].add(_tell_of_callback)
            options["mandatory"] = True
        return super()._basic_publish(msg, exchange, routing_key, **options)

    def basic_consume(self, queue: str = "", *args: Any, callback: Any = None, **options: Any) -> Any:
        """As py-amqp's."""
        if callback is not None and _carries_broadcasts(queue):
            callback = _reading_callback(queue, callback, (*self.connection.connection_errors, *CHANNEL_ERRORS))
        return super().basic_consume(queue, *args, callback=callback, **options)


def _tell_of_callback(_error: object, _exchange: str, routing_key: str, _message: object) -> None:
    log.warning(LogEvent.CALLBACK_HAS_NO_QUEUE, queue=routing_key)


CHANNEL_ERRORS = pyamqp.Connection.channel_errors


def _carries_broadcasts(queue: str) -> bool:
    return is_command_channel(queue) or is_answer_channel(queue) or queue.startswith(_EVENTS)


def _reading_callback(
    queue: str, callback: Callable[[Any], object], passed_on: tuple[type[Exception], ...]
) -> Callable[[Any], None]:
    def read(raw: Any) -> None:
        properties = raw.properties
        headers, body = properties.get("application_headers") or {}, raw.body
        body = body.encode() if isinstance(body, str) else bytes(body)
        try:
            broadcast = read_broadcast_delivery(
                headers, properties.get("content_type"), body, obeyed() if is_command_channel(queue) else None
            )
            raw.properties = {
                "content_type": "application/json",
                "content_encoding": "utf-8",
                "application_headers": broadcast.headers,
            }
            raw.body = broadcast.body
            callback(raw)
        except passed_on:
            raise
        except Exception as error:  # noqa: BLE001  # whatever Celery trips over, it holds nobody's message
            log.warning(
                LogEvent.BROADCAST_REFUSED,
                queue=queue,
                bytes=len(body),
                reason=f"{type(error).__name__}: {error}"[:200],
            )

    return read


class Connection(connections.Connection):
    """A connection with our channel, which reads all properties."""

    Channel = Channel

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"frame_handler": reading_frame_handler} | options)


class Transport(pyamqp.Transport):  # type: ignore[misc]  # kombu is untyped
    """kombu's transport with our connection."""

    Connection = Connection


class SSLTransport(pyamqp.SSLTransport):  # type: ignore[misc]  # kombu is untyped
    """The same over TLS."""

    Connection = Connection


def register() -> None:
    """Have every connection of this process to RabbitMQ go by these transports, whatever form its URL has."""
    stem = f"{__name__}:"
    plain, tls = f"{stem}Transport", f"{stem}SSLTransport"
    TRANSPORT_ALIASES.update({"amqp": plain, "pyamqp": plain, "amqps": tls})
