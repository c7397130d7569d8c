"""How long the server waits for a client, which may be slow on purpose: uvicorn's protocol with an end to every wait.

`smart-assign api` uses it; with uvicorn itself it is `--http api.patience:PatientProtocol`.
"""

from __future__ import annotations

import asyncio
import resource
from enum import StrEnum
from functools import cache

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.settings import ApiSettings

#: Connections of one process at the most, where so many files may be open; SQL, Redis and logs need some too.
MOST_CONNECTIONS = 2_000
_TOO_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 19\r\n"
    b"connection: close\r\n\r\nthat took too long\n"
)


class Wait(StrEnum):
    """What is waited for."""

    HEADER = "header"
    BODY = "body"
    READER = "reader"


class PatientProtocol(H11Protocol):
    """A connection that is closed when the client takes too long to send a header or a body, or to read an answer.

    Where there are too many connections, the one that has been waited for longest is closed for each new one: whoever
    opens many and says nothing keeps nobody else out.
    """

    _wait: Wait | None = None
    _since: float = 0.0
    _timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a header."""
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            self._close_the_oldest()
        self._look()

    def data_received(self, data: bytes) -> None:
        """What has come may end a wait; a byte now and then does not make it longer."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """The next header is waited for."""
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop(self._timer)
        self._stop(self._reader_timer)
        self._wait = None
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self._stop(self._reader_timer)
        self._reader_timer = self.loop.call_later(_seconds()[Wait.READER], self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        self._stop(self._reader_timer)
        super().resume_writing()

    def _look(self) -> None:
        """Begin a wait where another one ended; one that goes on keeps its end."""
        waits = {h11.IDLE: Wait.HEADER, h11.SEND_BODY: Wait.BODY}
        now: Wait | None = None if self.transport.is_closing() else waits.get(self.conn.their_state)
        if now is self._wait:
            return
        self._stop(self._timer)
        self._wait, self._since = now, self.loop.time()
        if now is not None:
            self._timer = self.loop.call_later(_seconds()[now], self._give_up)

    def _give_up(self) -> None:
        """Close, with 408 where something has come and nothing was answered yet."""
        answered = self.cycle is not None and self.cycle.response_started and self._wait is Wait.BODY
        if (self._wait is Wait.BODY and not answered) or self.conn.trailing_data[0]:
            self.transport.write(_TOO_LATE)
        self.transport.close()

    def _close_the_oldest(self) -> None:
        waited_for = [each for each in self.connections if isinstance(each, PatientProtocol) and each._wait]  # noqa: SLF001  # its own class
        if waited_for:
            oldest = min(waited_for, key=lambda each: each._since)  # noqa: SLF001  # the same
            oldest.transport.close()

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


@cache
def _seconds() -> dict[Wait, float]:
    settings = ApiSettings.model_validate({})
    slow = settings.api_body_timeout_s
    return {Wait.HEADER: settings.api_header_timeout_s, Wait.BODY: slow, Wait.READER: slow}


@cache
def most_connections() -> int:
    """How many connections this process may have: half of the files that it may have open, and MOST_CONNECTIONS at most."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 2)
