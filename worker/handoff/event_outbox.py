"""Events that a script wrote in the same step as what they tell of, on their way to the events queue of either broker.

`chunk.lua` puts `campaign.completed` into a list of Redis together with the last count, so that no crash can come between
the two. Whoever comes first takes it from there: the worker that settled the last batch, or the housekeeping of any worker.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

import redis
import structlog
from redis.exceptions import LockNotOwnedError

from core.encoding import encode_json
from core.process.log_events import LogEvent
from worker.envelopes.kombu_messages import decode_kombu_message
from worker.handoff.errors import BROKER_ERRORS
from worker.handoff.keys import Keys
from worker.settings import Settings

log = structlog.get_logger(__name__)

FLUSH_EVERY_S = 5.0
#: A flush that has not come to its end by then is taken for dead.
FLUSH_S = 30


class WaitingEvent(NamedTuple):
    """An event in the outbox: its record as it stands there, its id, and its document."""

    record: bytes
    id: str
    document: bytes


class EventQueue(Protocol):
    """The events queue of a broker, as the outbox needs it."""

    def send_waiting(self, events: Sequence[WaitingEvent]) -> None:
        """Send events, the oldest first, and take them from the outbox: in one step, or when they are sent.

        Raises one of BROKER_ERRORS; then they are still in the outbox, or have been sent.
        """


class EventOutbox:
    """The outbox of events. May raise BROKER_ERRORS."""

    def __init__(self, client: redis.Redis, queue: EventQueue, settings: Settings) -> None:
        self._client, self._queue = client, queue
        self._outbox = Keys(settings.key_prefix).event_outbox
        self._reported: set[bytes] = set()

    def flush(self) -> int:
        """Send what waits, unless another process does so at present; how many."""
        if not self._client.llen(self._outbox):
            return 0
        lock = self._client.lock(f"{self._outbox}:flushing", timeout=FLUSH_S, blocking=False)
        if not lock.acquire():
            return 0
        try:
            events = self._waiting()
            if events:
                self._queue.send_waiting(events)
            return len(events)
        finally:
            with suppress(LockNotOwnedError):  # it took so long that another has it
                lock.release()

    def put(self, events: Sequence[bytes]) -> None:
        """Leave events in the outbox, in the order in which they are to be sent. May raise redis.RedisError."""
        records = [
            encode_json({"body": event.decode(), "properties": {"delivery_tag": uuid.uuid4().hex}}) for event in events
        ]
        if records:
            self._client.lpush(self._outbox, *records)

    def flush_or_wait(self) -> None:
        """The same where nothing depends on it: what cannot be sent now is sent by housekeeping."""
        try:
            self.flush()
        except BROKER_ERRORS as error:
            log.warning(LogEvent.EVENT_WAITS, error=type(error).__name__)

    def _waiting(self) -> list[WaitingEvent]:
        """What waits, the oldest first; records that cannot be read are a newer version's, and stay for it."""
        records: list[bytes] = self._client.lrange(self._outbox, 0, -1)  # type: ignore[assignment]
        events = []
        for record in reversed(records):
            try:
                kept = decode_kombu_message(record)
                events.append(WaitingEvent(record, str(kept.properties.delivery_tag), kept.body_bytes()))
            except (ValueError, RecursionError) as error:
                self._report(record, error)
        return events

    def _report(self, record: bytes, error: Exception) -> None:
        if record not in self._reported:
            self._reported.add(record)
            log.warning(LogEvent.EVENT_LEFT_TO_A_NEWER_VERSION, bytes=len(record), reason=str(error)[:200])
