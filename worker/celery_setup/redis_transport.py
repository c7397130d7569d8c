"""kombu's Redis transport, behind a door: what stands on a list or comes by a channel is read here before kombu sees it.

kombu takes an element of a list apart without a look at it: one that is `null`, or has no delivery tag, ends the whole
worker, and meets the next one. Here each is read and written anew (`worker.envelopes`), or set aside.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Empty
from typing import Any

import structlog
from kombu.asynchronous import get_event_loop
from kombu.transport import TRANSPORT_ALIASES, redis
from kombu.utils.json import loads
from redis import ConnectionError, ResponseError  # noqa: A004  # as redis-py names it

from core.encoding import encode_json
from core.process.log_events import LogEvent
from core.process.silence import SILENCE_S
from worker.celery_setup.control import obeyed
from worker.celery_setup.taking import QoS, Taking
from worker.envelopes.broadcasts import is_answer_channel, is_command_channel, read_broadcast
from worker.envelopes.celery_queue import CeleryQueue, marked_as_newer
from worker.envelopes.task_messages import NOT_TAKEN

log = structlog.get_logger(__name__)


class _ReadsFirst:
    """What both channels have in common; the options are transport options of the Celery application.

    `foreign_queue` is where an element goes that is no task of ours, `callbacks_to` and `our_queues` are as in
    `worker.envelopes.opening.Opener`.
    """

    foreign_queue: str | None = None
    callbacks_to: Sequence[str] = ()
    our_queues: Sequence[str] = ()
    key_prefix: str = ""
    back_after_s: float = 1.5 * SILENCE_S

    # Of kombu's channel, which is untyped.
    client: Any
    connection: Any
    connection_errors: Any
    sep: str
    _flush_brpop_reauth: Any
    _in_poll: Any
    _q_for_pri: Any
    _queue_cycle: Any
    active_queues: Any
    priority_steps: Sequence[int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tasks = CeleryQueue(callbacks_to=frozenset(self.callbacks_to), ours=frozenset(self.our_queues))
        self.taking = Taking(self.key_prefix, self.back_after_s)

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
        """As kombu's. Raises ConnectionError where the connection of this channel has been closed.

        kombu closes a broken connection in two steps, and may find a channel open in the second one. What that holds, or
        is asked to acknowledge later, leads to an AttributeError of kombu's, which ends the worker.
        """
        if client is None and (self.connection is None or self.connection.client is None):
            raise ConnectionError("the connection of this channel is closed")
        with super().conn_or_acquire(client) as acquired:  # type: ignore[misc]  # kombu's
            yield acquired

    def _brpop_start(self, timeout: float | None = None) -> None:
        """Ask for an element, and have Redis keep it until it is written down (`worker.celery_setup.taking`).

        Answers to commands are nobody's message, and whoever waits for them does so without an event loop, which would
        not ask again after a pause.
        """
        if get_event_loop() is None or all(map(is_answer_channel, self.active_queues)):
            super()._brpop_start(timeout)  # type: ignore[misc]  # kombu's
            return
        queues = self._queue_cycle.consume(len(self.active_queues))
        if not queues or self.taking.pauses():
            return
        keys = [self._q_for_pri(queue, priority) for priority in self.priority_steps for queue in queues]
        self._in_poll, self._brpop_sent_at = self.client.connection, time.monotonic()
        self.client.connection.send_command(*self.taking.command(keys))

    def _brpop_read(self, **options: Any) -> bool:
        """As kombu's, but for what becomes of the element."""
        try:
            try:
                answer = self.client.parse_response(self.client.connection, "EVAL", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            if not answer:
                self.taking.nothing_came()
                raise Empty
            name, element = answer
            queue = name.decode().rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            read = self._read(queue, element)
            if read is not None:
                self._hand_on(queue, loads(read))
            return True
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()

    def _hand_on(self, queue: str, message: dict[str, Any]) -> None:
        """Deliver as kombu's own channel does. What Celery trips over is set aside: it would end the worker, and the next."""
        try:
            self.connection._deliver(message, queue)  # noqa: SLF001
        except self.connection_errors:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is
            log.error(LogEvent.MESSAGE_NOT_TAKEN, queue=queue, error=type(error).__name__)  # noqa: TRY400  # a trace may quote it
            if is_answer_channel(queue) or is_command_channel(queue):
                return
            message["headers"][NOT_TAKEN] = type(error).__name__
            self._set_aside(queue, encode_json(message))
            self.basic_ack(message["properties"]["delivery_tag"])  # type: ignore[attr-defined]  # kombu's

    def _get(self, queue: str) -> Any:
        """As kombu's, but for what cannot be read: the next element is taken instead."""
        with self.conn_or_acquire() as client:
            for priority in self.priority_steps:
                while element := client.rpop(self._q_for_pri(queue, priority)):
                    read = self._read(queue, element)
                    if read is not None:
                        self._maybe_update_queues_expire(client, queue)  # type: ignore[attr-defined]  # kombu's
                        return loads(read)
            self._maybe_update_queues_expire(client, queue)  # type: ignore[attr-defined]  # kombu's
        raise Empty

    def _read(self, queue: str, element: bytes) -> bytes | None:
        if is_answer_channel(queue) or is_command_channel(queue):
            return _read_broadcast(queue, element)
        read = self._tasks.read_element(element, queue)
        if read is None:
            self._set_aside(queue, marked_as_newer(element) or element)
        return read

    def _set_aside(self, queue: str, element: bytes) -> None:
        log.warning(LogEvent.FOREIGN_ELEMENT, queue=queue, bytes=len(element), kept=self.foreign_queue is not None)
        with self.conn_or_acquire() as client, client.pipeline() as pipe:
            if self.foreign_queue is not None and self.foreign_queue != queue:
                pipe.lpush(self.foreign_queue, element)
            self.taking.forget(pipe)
            pipe.execute()

    def _handle_message(self, client: Any, response: Any) -> Any:
        """As kombu's, with the data written anew; without data, kombu delivers nothing."""
        message = super()._handle_message(client, response)  # type: ignore[misc]  # kombu's
        if message["data"] and _text(message["type"]).endswith("message"):
            channel = _text(message["channel"])
            exchange = channel.partition(".")[2] if channel.startswith("/") else channel
            message["data"] = _read_broadcast(exchange.split("/", 1)[0], message["data"])
        return message

    def _deliver_fanout_message(self, message: Any, exchange: str) -> bool:
        """As kombu's. What a command or an event makes of the worker's state must not end the worker."""
        try:
            super()._deliver_fanout_message(message, exchange)  # type: ignore[misc]  # kombu's
        except self.connection_errors:
            raise
        except Exception as error:  # noqa: BLE001  # whatever Celery trips over, it holds nobody's message
            log.warning(LogEvent.BROADCAST_FAILED, exchange=exchange, error=type(error).__name__)
        return True


def _read_broadcast(name: str, raw: bytes) -> bytes | None:
    try:
        return read_broadcast(raw, obeyed() if is_command_channel(name) else None)
    except ValueError as error:
        log.warning(LogEvent.BROADCAST_REFUSED, channel=name, bytes=len(raw), reason=str(error)[:200])
        return None


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


_OPTIONS = ("foreign_queue", "callbacks_to", "our_queues", "key_prefix", "back_after_s")


class Channel(_ReadsFirst, redis.Channel):  # type: ignore[misc]  # kombu is untyped
    """A channel on one Redis."""

    QoS = QoS

    from_transport_options = (*redis.Channel.from_transport_options, *_OPTIONS)


class SentinelChannel(_ReadsFirst, redis.SentinelChannel):  # type: ignore[misc]  # kombu is untyped
    """A channel on the primary that Sentinel names."""

    QoS = QoS

    from_transport_options = (*redis.SentinelChannel.from_transport_options, *_OPTIONS)


def _of_ours(connection: Any) -> bool:
    """Whether a connection is our application's: whoever else uses kombu in this process has its queues as they are."""
    return bool((connection.transport_options or {}).get("our_queues"))


#: A Redis that refuses (READONLY after a failover, OOM, MISCONF, BUSY …) is one to dial anew, not one to end by.
CONNECTION_ERRORS = (*redis.Transport.connection_errors, ResponseError)


class Transport(redis.Transport):  # type: ignore[misc]  # kombu is untyped
    """kombu's transport, with our channel for our application."""

    connection_errors = CONNECTION_ERRORS  # kombu asks the class

    def __init__(self, client: Any, *args: Any, **options: Any) -> None:
        self.Channel = Channel if _of_ours(client) else redis.Channel
        super().__init__(client, *args, **options)


class SentinelTransport(redis.SentinelTransport):  # type: ignore[misc]  # kombu is untyped
    """The same behind Sentinel."""

    connection_errors = CONNECTION_ERRORS

    def __init__(self, client: Any, *args: Any, **options: Any) -> None:
        self.Channel = SentinelChannel if _of_ours(client) else redis.SentinelChannel
        super().__init__(client, *args, **options)


def register() -> None:
    """Have every connection of this process to Redis go by these transports, whatever form its URL has."""
    stem = f"{__name__}:"
    TRANSPORT_ALIASES.update(
        {"redis": f"{stem}Transport", "rediss": f"{stem}Transport", "sentinel": f"{stem}SentinelTransport"}
    )
