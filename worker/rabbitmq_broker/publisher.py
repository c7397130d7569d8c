"""Publishing to RabbitMQ, with one wait for the confirms of a whole batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from kombu import Connection

from core.encoding import CONTENT_TYPE
from core.process.log_events import LogEvent
from core.process.logger import Logger
from core.process.silence import Silence
from worker.handoff.errors import PUBLISH_ERRORS, NotConfirmedError
from worker.rabbitmq_broker.confirms import Confirms
from worker.rabbitmq_broker.connections import open_rabbitmq
from worker.rabbitmq_broker.frames import PublishFrames
from worker.rabbitmq_broker.outgoing import Outgoing
from worker.rabbitmq_broker.queues import declare_queues
from worker.settings import Settings

log = Logger(__name__)

#: How long one waits before a queue that took no more is asked again: at first, and at most.
REFUSED_PAUSE_S = 0.2
REFUSED_PAUSE_MOST_S = 2.0
#: How long a worker waits for room: less than RabbitMQ waits for the acknowledgement of a delivery (30 minutes).
WORKER_WAITS_S = 1200.0
#: How long a command does.
COMMAND_WAITS_S = 30.0


def _nothing(_: Sequence[int]) -> None:
    return


class ConfirmedPublisher:
    """Publishes batches of persistent messages, each batch with one wait for all its confirms.

    A queue that takes no more, and a broker that is short of memory or disk, is waited for, `waits_s` seconds at most.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        *,
        waits_s: float = COMMAND_WAITS_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._settings, self._waits_s, self._sleep = url, settings, waits_s, sleep
        self._connection: Connection | None = None
        self._channel: Any = None
        self._writers: dict[str, PublishFrames] = {}
        self._confirms: Confirms | None = None
        self._blocked_since: float | None = None

    def publish(self, messages: Sequence[Outgoing], partly: Callable[[Sequence[int]], None] = _nothing) -> None:
        """Send `messages` and wait until RabbitMQ has them all.

        `partly` is told the places of those that were taken where others were not: they are never sent again. Raises
        one of PUBLISH_ERRORS; then those count that `partly` was told of.
        """
        waiting: Sequence[int] = range(len(messages))
        pauses = _Pauses(self._waits_s)
        while waiting:
            asked = [messages[place] for place in waiting]
            refused = self._tried(asked)
            if not refused:
                break
            partly([place for n, place in enumerate(waiting) if n not in refused])
            waiting = [place for n, place in enumerate(waiting) if n in refused]
            pause_s = pauses.next(sorted({messages[place].queue for place in waiting}), len(waiting))
            self._sleep(pause_s)
            if pause_s >= REFUSED_PAUSE_MOST_S:
                self._renew_channel()
        if pauses.begun:
            log.info(LogEvent.PUBLISHING_GOES_ON)

    def _tried(self, messages: Sequence[Outgoing]) -> set[int]:
        """Send once, and once more to a queue that had to be declared anew; the places of those that were not taken."""
        try:
            refused, returned = self._send(messages)
            if returned:
                self.close()
                again = sorted(refused)
                still, returned = self._send([messages[place] for place in again])
                refused = {again[place] for place in still}
            if returned:
                raise NotConfirmedError(f"there is no queue {', '.join(sorted(returned))}")
        except PUBLISH_ERRORS:
            self.close()
            raise
        return refused

    def waiting(self, queue: str) -> int:
        """How many messages are ready on a queue. Raises one of PUBLISH_ERRORS."""
        try:
            self._open()
            return int(self._channel.queue_declare(queue, passive=True).message_count)
        except PUBLISH_ERRORS:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next batch opens another."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            connection.collect()

    def _open(self) -> None:
        if self._channel is not None:
            return
        self._connection = open_rabbitmq(
            self._url, self._settings.silence_s, on_blocked=self._on_blocked, on_unblocked=self._on_unblocked
        )
        declare_queues(self._connection, self._settings)
        self._blocked_since = None
        self._open_channel()

    def _open_channel(self) -> None:
        assert self._connection is not None
        channel = self._connection.channel()
        self._channel, self._writers, self._confirms = channel, {}, Confirms(channel)

    def _renew_channel(self) -> None:
        """Ask by another channel: a quorum queue does not tell one that it refused when its limit is lifted."""
        try:
            self._channel.close()
            self._open_channel()
        except PUBLISH_ERRORS:
            self.close()

    def _send(self, messages: Sequence[Outgoing]) -> tuple[set[int], set[str]]:
        """Send and wait for the confirms; the places of those that were not taken, and the queues that are not there."""
        self._open()
        confirms = self._confirms
        assert confirms is not None
        confirms.begin()
        for queue, group in groupby(messages, key=lambda message: message.queue):
            together = [(message.body, message.message_id) for message in group]
            for piece in self._frames(queue).write(together):
                self._channel.connection.transport.write(piece)
            confirms.sent(len(together))
        while not confirms.complete:
            self._drain()
        lost = {place for place, message in enumerate(messages) if message.queue in confirms.returned}
        return confirms.refused | lost, confirms.returned

    def _drain(self) -> None:
        assert self._connection is not None
        try:
            # Confirms come in pieces; a broker that is well is not silent for so long while it owes some.
            self._connection.drain_events(timeout=min(Silence(self._settings.silence_s).rabbitmq_s, self._waits_s))
        except TimeoutError:
            # What was sent stands before a broker that does not read on: sent again, it would be there twice.
            if self._blocked_since is None or time.monotonic() - self._blocked_since > self._waits_s:
                raise

    def _frames(self, queue: str) -> PublishFrames:
        if queue not in self._writers:
            frame_max = self._channel.connection.frame_max
            self._writers[queue] = PublishFrames(
                self._channel.channel_id, queue, content_type=CONTENT_TYPE, frame_max=frame_max
            )
        return self._writers[queue]

    def _on_blocked(self, reason: str) -> None:
        log.warning(LogEvent.PUBLISHING_BLOCKED_BY_THE_BROKER, reason=reason)
        self._blocked_since = time.monotonic()

    def _on_unblocked(self) -> None:
        self._blocked_since = None
        log.info(LogEvent.PUBLISHING_GOES_ON)


class _Pauses:
    """How long one waits before asking again; each longer than the one before, and an end to it."""

    def __init__(self, waits_s: float) -> None:
        self._left_s, self._pause_s, self.begun = waits_s, REFUSED_PAUSE_S, False

    def next(self, queues: Sequence[str], count: int) -> float:
        """The pause, in seconds. Raises NotConfirmedError where they have come to their end."""
        if self._left_s <= 0:
            raise NotConfirmedError(f"{count} messages were not taken by {', '.join(queues)}")
        if not self.begun:
            log.warning(LogEvent.PUBLISHING_WAITS, queues=queues, messages=count, reason="the broker takes no more")
        self.begun, pause = True, self._pause_s
        self._left_s -= pause
        self._pause_s = min(2 * pause, REFUSED_PAUSE_MOST_S)
        return pause
