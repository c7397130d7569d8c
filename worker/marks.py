"""Marks of what was dispatched, in Redis, for a broker that cannot keep them in the same step as the hand-off."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import redis
import structlog

from core.redis_epochs import Breaker
from worker.settings import Settings

log = structlog.get_logger(__name__)

#: How long a task that Celery itself runs is remembered as settled.
TASK_MARK_S = 86_400


class Marks:
    """Message ids dispatched within the idempotency window. With Redis away nothing is known, and nothing stops."""

    def __init__(self, client: redis.Redis, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._client, self._clock = client, clock
        self._window = settings.idempotency_window
        self._stem = f"{settings.key_prefix}:seen:"
        self._task_stem = f"{settings.key_prefix}:settled:"
        self._breaker = Breaker()

    def known(self, marks: Sequence[bytes]) -> set[int]:
        """The places of those that were dispatched within the window, and of repeats among themselves."""
        if not self._window:
            return set()
        first: dict[bytes, int] = {}
        for place, mark in enumerate(marks):
            first.setdefault(mark, place)
        repeats = {place for place, mark in enumerate(marks) if first[mark] != place}
        return repeats | self._seen(marks)

    def add(self, marks: Sequence[bytes]) -> None:
        """Remember what was dispatched."""
        if not marks or not self._window or self._breaker.open:
            return
        bucket, span = self._bucket()
        try:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.sadd(f"{self._stem}{bucket}", *marks)
                pipe.expire(f"{self._stem}{bucket}", int(span * 3) + 1)
                pipe.execute()
        except redis.RedisError:
            self._trip()

    def task_settled(self, task_id: str) -> bool:
        """Whether a task that Celery runs had its outcome handed off already."""
        try:
            return not self._breaker.open and bool(self._client.exists(self._task_stem + task_id))
        except redis.RedisError:
            self._trip()
            return False

    def settle_task(self, task_id: str) -> None:
        """Remember that a task's outcome was handed off."""
        try:
            self._client.set(self._task_stem + task_id, 1, ex=TASK_MARK_S)
        except redis.RedisError:
            self._trip()

    def _seen(self, marks: Sequence[bytes]) -> set[int]:
        if not marks or self._breaker.open:
            return set()
        bucket, _ = self._bucket()
        try:
            with self._client.pipeline(transaction=False) as pipe:
                for age in range(3):
                    pipe.smismember(f"{self._stem}{bucket - age}", list(marks))
                answers = pipe.execute()
        except redis.RedisError:
            self._trip()
            return set()
        return {place for flags in answers for place, flag in enumerate(flags) if flag}

    def _bucket(self) -> tuple[int, float]:
        span = max(1.0, self._window / 2)
        return int(self._clock() // span), span

    def _trip(self) -> None:
        log.warning("repeats_pass_while_redis_is_away")
        self._breaker.trip()
