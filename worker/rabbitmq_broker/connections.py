"""Connections to RabbitMQ on which nothing waits without a limit.

py-amqp waits for ever for an answer, for the rest of a frame, and for room to write, unless told otherwise at each call. Here
every answer is due within `answer_s`. A connection on which it does not come, or on which a frame stops halfway, is closed,
for nobody can know what would come next on it: a confirm that is late would be taken for that of the next message.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amqp.exceptions import RecoverableConnectionError
from amqp.transport import SSLTransport as PlainSSLTransport
from amqp.transport import TCPTransport as PlainTCPTransport
from kombu import Connection as KombuConnection
from kombu.transport import TRANSPORT_ALIASES, _transport_cache, pyamqp

from core.process.silence import Silence

#: How long RabbitMQ may take to say goodbye.
CLOSE_S = 2.0


class _WholeFrames:
    """What both transports have in common: a frame that has begun is read and written to its end, or the connection ends."""

    answer_s = Silence().rabbitmq_s
    sock: socket.socket | None
    connected: bool

    def connect(self) -> None:
        """As py-amqp's; what is written from here on has a limit."""
        super().connect()  # type: ignore[misc]  # py-amqp's
        if self.sock is not None:
            self.sock.settimeout(self.answer_s)

    def write(self, data: bytes) -> None:
        """Raises ConnectionAbortedError where the peer takes no more; part of it may have gone."""
        try:
            super().write(data)  # type: ignore[misc]  # py-amqp's
        except TimeoutError as error:
            self._break_off("RabbitMQ takes no more", error)

    def _read(self, size: int, initial: bool = False, *errors: Any) -> Any:
        """As py-amqp's, which turns in a loop where the event loop reads half a frame."""
        if initial or self.sock is None or self.sock.gettimeout() != 0:
            return super()._read(size, initial, *errors)  # type: ignore[misc]  # py-amqp's
        self.sock.settimeout(self.answer_s)
        try:
            return super()._read(size, initial, *errors)  # type: ignore[misc]  # py-amqp's
        except TimeoutError as error:
            self._break_off("RabbitMQ stopped halfway", error)
        finally:
            if self.sock is not None:
                self.sock.settimeout(0)

    def _break_off(self, what: str, error: Exception) -> None:
        self.connected = False
        raise ConnectionAbortedError(f"{what}, for {self.answer_s:g} s") from error


class TCPTransport(_WholeFrames, PlainTCPTransport):  # type: ignore[misc]  # py-amqp is untyped
    """py-amqp's over TCP."""


class SSLTransport(_WholeFrames, PlainSSLTransport):  # type: ignore[misc]  # py-amqp is untyped
    """py-amqp's over TLS."""


class _AnswersAreDue:
    """A channel or a connection: each wait for a method has a limit of its own."""

    connection: Any

    def wait(self, method: Any, callback: Any = None, timeout: Any = None, returns_tuple: bool = False) -> Any:
        """As py-amqp's. Raises RecoverableConnectionError where the answer does not come."""
        connection = self.connection
        if timeout is not None or connection is None:
            return super().wait(method, callback, timeout, returns_tuple)  # type: ignore[misc]  # py-amqp's
        with connection.answer_due():
            return super().wait(method, callback, None, returns_tuple)  # type: ignore[misc]  # py-amqp's


class Channel(_AnswersAreDue, pyamqp.Channel):  # type: ignore[misc]  # kombu is untyped
    """kombu's channel."""


class Connection(_AnswersAreDue, pyamqp.Connection):  # type: ignore[misc]  # kombu is untyped
    """kombu's connection; `silence_s` is an option of its transport."""

    Channel = Channel

    def __init__(self, *args: Any, silence_s: float = Silence().longest_s, **options: Any) -> None:
        silence = Silence(silence_s)
        self._answer_s = silence.rabbitmq_s
        self._due: float | None = None
        super().__init__(*args, **{"socket_settings": silence.keep_alive()} | options)

    def Transport(self, host: str, connect_timeout: float | None, ssl: Any = False, *_: Any, **options: Any) -> Any:  # noqa: N802  # py-amqp's name
        """The transport of one of our kinds, which needs no time-outs of the kernel."""
        made = (SSLTransport if ssl else TCPTransport)(
            host, connect_timeout=connect_timeout or self._answer_s, ssl=ssl, **options
        )
        made.answer_s = self._answer_s
        return made

    @contextmanager
    def answer_due(self, within_s: float | None = None) -> Iterator[None]:
        """An answer is due within a limit, whatever else comes meanwhile."""
        before, due = self._due, time.monotonic() + (within_s or self._answer_s)
        self._due = due if before is None else min(before, due)
        try:
            yield
        finally:
            self._due = before

    def blocking_read(self, timeout: float | None = None) -> Any:
        """As py-amqp's. Without a time-out it raises RecoverableConnectionError where nothing comes in time."""
        if timeout is not None:
            return super().blocking_read(timeout)
        due = self._due if self._due is not None else time.monotonic() + self._answer_s
        try:
            return super().blocking_read(max(0.001, due - time.monotonic()))
        except TimeoutError as error:
            self.collect()
            raise RecoverableConnectionError(f"RabbitMQ did not answer within {self._answer_s:g} s") from error

    def close(self, *args: Any, **options: Any) -> Any:
        """As py-amqp's, with less patience."""
        with self.answer_due(min(CLOSE_S, self._answer_s)):
            return super().close(*args, **options)


class Transport(pyamqp.Transport):  # type: ignore[misc]  # kombu is untyped
    """kombu's transport with our connection."""

    Connection = Connection


class TLSTransport(pyamqp.SSLTransport):  # type: ignore[misc]  # kombu is untyped
    """The same over TLS."""

    Connection = Connection


def register() -> None:
    """Have this process's connections to RabbitMQ go by these transports, where they do not go by others of ours yet.

    By their names in kombu's list: a transport that is given to a connection does not outlive its change to another node.
    """
    for names, transport in ((("amqp", "pyamqp"), Transport), (("amqps",), TLSTransport)):
        for name in names:
            if not str(TRANSPORT_ALIASES.get(name)).startswith("worker."):
                TRANSPORT_ALIASES[name] = f"{__name__}:{transport.__name__}"
                _transport_cache.pop(name, None)  # of a connection that was opened before


def open_rabbitmq(url: str, silence_s: float, *, connect_s: float | None = None, **options: Any) -> KombuConnection:
    """A connection, dialled when it is first used; `options` are py-amqp's. What it raises is in PUBLISH_ERRORS."""
    register()
    connect_s = connect_s or Silence(silence_s).rabbitmq_s
    return KombuConnection(
        url, connect_timeout=connect_s, heartbeat=0, transport_options={"silence_s": silence_s} | options
    )
