"""Intake on Redis: threads in the worker's parent process claim what arrives; each claim is a task of its own pool.

A claim goes to the pool without a trip through the work queue: its documents stand in Redis under a deadline, so a task
that is lost costs nothing but time, and Celery's pool, events and process guard serve it like any other.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import redis
import structlog
from celery import bootsteps
from celery.exceptions import ImproperlyConfigured

from core.metrics.counts import PAUSED_AT
from core.process.lasting import LastingThread
from core.process.log_events import LogEvent
from core.process.watch import Watch
from worker.configuration import configured
from worker.envelopes.task_messages import BATCH_TASK, WORK_TASK
from worker.intake.local_tasks import pool_children, start_task
from worker.intake.room import Room
from worker.redis_broker.claims import Claimed, Lane, lane_of
from worker.redis_broker.parts import RedisBroker
from worker.wiring import runtime

log = structlog.get_logger(__name__)

#: How long a claimer waits where the dispatch queue is full.
FULL_PAUSE_S = 0.05
WAIT_S = 1.0
#: The same on a lane of tasks: one of another priority stands on a list of its own, which wakes nobody.
PRIORITY_WAIT_S = 0.1
#: How long a claimer of campaigns waits where none arrives while others are at work: one of them may give way.
CAMPAIGN_WAIT_S = 0.05


class Wakeup:
    """Wakes Celery's event loop from another thread; the loop reads `fileno()`, then calls `answer`."""

    def __init__(self) -> None:
        self._inner, self._outer = socket.socketpair()
        self._inner.setblocking(False)
        self._outer.setblocking(False)

    def fileno(self) -> int:
        """What the loop watches."""
        return self._inner.fileno()

    def wake(self) -> None:
        """Wake the loop; one that has not answered yet, or has ended, needs no more of it."""
        with suppress(OSError):
            self._outer.send(b"!")

    def answer(self) -> None:
        """Take note of every call until now."""
        with suppress(BlockingIOError):
            self._inner.recv(4096)

    def close(self) -> None:
        """Close both ends."""
        self._inner.close()
        self._outer.close()


@dataclass(slots=True)
class IntakeState:
    """What passes between the claimers and the event loop: claims that are to start, those that did, and that failed."""

    room: Room
    watch: Watch = field(default_factory=Watch)
    wakeup: Wakeup = field(default_factory=Wakeup)
    claimed: deque[Claimed] = field(default_factory=deque)
    failed: deque[str] = field(default_factory=deque)
    started: set[str] = field(default_factory=set)
    stopping: threading.Event = field(default_factory=threading.Event)


class Source(Protocol):
    """What a claimer asks of the lanes: `worker.redis_broker.claims.Claims`, or a double. May raise redis.RedisError."""

    def claim(self, lane: Lane, *, lines_first: bool = False) -> Claimed:
        """Claim what waits."""

    def part(self, lane: Lane) -> bool:
        """Part some of what waits on a crowded lane by account; whether there is more to part."""

    def wait_for(self, lane: Lane, timeout_s: float) -> bool:
        """Wait until a document arrives, at most so long."""

    def make_due(self, claim_id: str) -> None:
        """Let a claim that failed be taken up soon."""


class Claimer(LastingThread):
    """Claims what arrives on one lane, as fast as the pool takes it; outlives any failure of Redis."""

    def __init__(self, claims: Source, lane: Lane, state: IntakeState) -> None:
        super().__init__(f"claimer-{lane}", self.turn, state.stopping, (redis.RedisError,))
        self._claims, self._lane, self._state = claims, lane, state
        self._crowded, self._lines_first = False, False

    def turn(self) -> None:
        """Claim once, or wait a while for something to claim; while the lane is crowded, part some of it before."""
        self._give_back_failed()
        state, campaign = self._state, self._lane.of_campaigns
        if not state.room.take(campaign=campaign, timeout_s=self._part() if self._crowded else WAIT_S):
            return
        claimed = None
        try:
            claimed = self._claims.claim(self._lane, lines_first=self._lines_first)
        finally:
            if claimed is None or claimed.count <= 0:
                state.room.give_back(campaign=campaign)
        self._crowded = self._crowded or claimed.crowded
        if claimed.count > 0:
            # An account that has a line, and all others, take turns.
            self._lines_first = not self._lines_first
            state.claimed.append(claimed)
            state.wakeup.wake()
        elif claimed.count < 0:
            PAUSED_AT.note(time.monotonic())
            state.stopping.wait(FULL_PAUSE_S)
        elif campaign and state.room.has_campaign():
            state.room.wait_for_change(CAMPAIGN_WAIT_S)
        else:
            self._claims.wait_for(self._lane, PRIORITY_WAIT_S if self._lane.of_tasks else WAIT_S)

    def _part(self) -> float:
        """Part some of the lane; how long that took, in s, for Redis is to have as long for others."""
        began = time.monotonic()
        self._crowded = self._claims.part(self._lane)
        return time.monotonic() - began

    def _give_back_failed(self) -> None:
        failed = self._state.failed
        while True:
            try:
                claim_id = failed.popleft()
            except IndexError:
                return
            try:
                self._claims.make_due(claim_id)
            except redis.RedisError:
                failed.append(claim_id)
                raise


class RedisIntake(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
    """Starts the intake with Celery's consumer, and stops it before the pool."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._state: IntakeState | None = None
        self._claims: Source | None = None
        self._threads: list[Claimer] = []

    def include_if(self, parent: Any) -> bool:
        """Only on a Redis broker, and only where the worker consumes the queue of claims."""
        broker = runtime().broker
        if not isinstance(broker, RedisBroker):
            return False
        self._claims = broker.claims
        return configured().settings.work_queue in parent.app.amqp.queues.consume_from

    def start(self, parent: Any) -> None:
        """Start one claimer a lane; called again after every reconnection."""
        if parent.hub is None:
            raise ImproperlyConfigured("the pools that can be used are prefork, threads and solo")
        assert self._claims is not None  # include_if comes first
        state = self._state = IntakeState(Room(pool_children(parent)), runtime().watch)
        parent.hub.add_reader(state.wakeup.fileno(), _start_claimed, parent, state)
        self._threads = [Claimer(self._claims, lane, state) for lane in Lane]
        state.watch.look_at(thread.attempts for thread in self._threads)
        for thread in self._threads:
            thread.start()

    def stop_intake(self, parent: Any) -> None:
        """Stop claiming, at the beginning of a shutdown; nothing is started from here on."""
        state = self._state
        if state is None or state.stopping.is_set():
            return
        state.stopping.set()
        state.watch.forget(thread.attempts for thread in self._threads)
        state.room.close()
        parent.hub.remove_reader(state.wakeup.fileno())

    def give_back(self, parent: Any) -> None:  # noqa: ARG002  # celery's signature
        """Let other workers take up at once what was claimed here and has not ended."""
        state, self._state = self._state, None
        if state is None or self._claims is None:
            return
        for thread in self._threads:
            thread.join(timeout=WAIT_S + 1)
        state.wakeup.close()
        _make_due(self._claims, [*(claimed.id for claimed in state.claimed), *state.started, *state.failed])

    def stop(self, parent: Any) -> None:
        """Stop claiming; the same when the connection is lost, where what is in the pool is still worked on."""
        self.stop_intake(parent)
        if self._state is not None:
            self._state.started.clear()
            self._state.watch.all_let_go()
        self.give_back(parent)

    terminate = stop


def _make_due(claims: Source, claim_ids: list[str]) -> None:
    """Let other workers take up claims at once that this one will not start; else they do so at the deadline."""
    try:
        for claim_id in claim_ids:
            claims.make_due(claim_id)
    except redis.RedisError as error:
        log.warning(LogEvent.CLAIMS_WAIT_FOR_THEIR_DEADLINE, claims=len(claim_ids), error=type(error).__name__)


def _start_claimed(consumer: Any, state: IntakeState) -> None:
    """Start every claim that came in, in the thread of Celery's event loop."""
    state.wakeup.answer()
    while state.claimed:
        _start(consumer, state, state.claimed.popleft())


def _start(consumer: Any, state: IntakeState, claimed: Claimed) -> None:
    campaign = lane_of(claimed.id).of_campaigns

    def ended(_: Any, errors: Any) -> None:  # noqa: ARG001  # celery's signature
        state.started.discard(claimed.id)
        state.watch.ended(good=True)
        state.room.give_back(campaign=campaign)

    def failed(_: Any, errors: Any, requeue: bool = False) -> None:  # noqa: ARG001  # always given back
        state.started.discard(claimed.id)
        state.watch.ended(good=False)
        state.failed.append(claimed.id)
        state.room.give_back(campaign=campaign)

    state.started.add(claimed.id)
    state.watch.begun()
    task = BATCH_TASK if campaign else WORK_TASK
    start_task(consumer, task, [claimed.id, claimed.count], acknowledge=ended, reject=failed)
