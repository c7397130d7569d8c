"""Marks of what is dispatched, in Redis, for a broker that cannot keep them in the same step as the hand-off.

A mark is reserved before its message is published, and remembered as dispatched after the confirm. A reservation says
only that somebody is at it: who meets one waits, and never takes it for a dispatch. So two copies of a message in two
batches are one dispatch, and a worker that dies between the two steps loses nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

import redis
import structlog

from core.cache.breaker import Breaker
from core.process.log_events import LogEvent
from worker.handoff.keys import Keys
from worker.handoff.mark_arguments import mark_arguments
from worker.handoff.script_headers import RememberHeader, ResendCounts, ReserveHeader
from worker.handoff.scripts import Scripts
from worker.handoff.settlement import TASK_MARK_S
from worker.settings import Settings

log = structlog.get_logger(__name__)

#: How long a mark stays reserved for a worker that is not heard of again. Its own deliveries need not wait for that:
#: they come as redeliveries. Copies of them do.
RESERVED_MS = 15_000
#: How often one looks whether another has done with a mark.
POLL_S = 0.02


class Marks:
    """Message ids dispatched within the idempotency window. With Redis away nothing is known, and nothing stops."""

    def __init__(self, client: redis.Redis, settings: Settings, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client, self._sleep, self._window = client, sleep, settings.idempotency_window
        self._keys, self._scripts = Keys(settings.key_prefix), Scripts(client, settings)
        self._breaker = Breaker()

    def reserve(self, marks: Sequence[bytes], redelivered: Collection[int] = ()) -> set[int]:
        """Reserve marks before their messages are published; waits while another holds one of them.

        Gives the places of those that are not to be published: dispatched within the window, or a repeat of an earlier
        place. `redelivered` are the places of messages that the broker delivered before: whoever had reserved those
        holds them no more.
        """
        if not self._window or not marks:
            return set()
        first: dict[bytes, int] = {}
        for place, mark in enumerate(marks):
            first.setdefault(mark, place)
        taken = set(redelivered)
        places = sorted(first.values(), key=taken.__contains__)
        dispatched = self._reserved([marks[place] for place in places], sum(place in taken for place in places))
        repeats = set(range(len(marks))) - set(places)
        return repeats | {place for place in range(len(marks)) if marks[place] in dispatched}

    def remember(self, marks: Sequence[bytes], resends: ResendCounts | None = None) -> None:
        """Remember as dispatched what had been reserved, and count resends in the same step."""
        known = marks if self._window else ()
        if self._breaker.open or not (known or resends):
            return
        try:
            given = mark_arguments(known)
            self._scripts.run(RememberHeader(len(given.second), given.flags, resends), *given.first, *given.second)
        except redis.RedisError:
            self._trip()

    def task_settled(self, task_id: str) -> bool:
        """Whether a task that Celery runs had its outcome handed off already."""
        try:
            return not self._breaker.open and bool(self._client.exists(self._keys.settled_task(task_id)))
        except redis.RedisError:
            self._trip()
            return False

    def settle_task(self, task_id: str) -> None:
        """Remember that a task's outcome was handed off."""
        try:
            self._client.set(self._keys.settled_task(task_id), 1, ex=TASK_MARK_S)
        except redis.RedisError:
            self._trip()

    def _reserved(self, marks: Sequence[bytes], redelivered: int) -> set[bytes]:
        """Those of `marks`, of which the last `redelivered` came again, that were dispatched; the rest is reserved."""
        given, fresh = mark_arguments(marks), mark_arguments(marks[: len(marks) - redelivered])
        seconds = len(given.second)
        header = ReserveHeader(RESERVED_MS, redelivered, seconds - len(fresh.second), seconds, given.flags)
        # Others may reserve in between, so there is an end to it: then a repeat is better than to wait for ever.
        for _ in range(int(2 * RESERVED_MS / 1000 / POLL_S)):
            if self._breaker.open:
                return set()
            try:
                found = self._scripts.run(header, *given.first, *given.second)
            except redis.RedisError:
                self._trip()
                return set()
            if found is not None:
                return {marks[place - 1] for place in found}
            self._sleep(POLL_S)
        log.warning(LogEvent.REPEATS_PASS_AFTER_A_LONG_WAIT, marks=len(marks))
        return set()

    def _trip(self) -> None:
        log.warning(LogEvent.REPEATS_PASS_WHILE_REDIS_IS_AWAY)
        self._breaker.trip()
