"""Celery's scheduler, of which any number may run: one leads and enqueues, the others are ready to take over.

Who leads holds a lease in Redis (redis-py's `Lock`), renewed three times within its term; when it is not, the lease ends,
and the next scheduler that asks leads. Redis also keeps for which due time each task was enqueued last, and its clock alone
decides what is due, so whoever takes over goes on exactly where the other stopped.

That is written down after the task was enqueued: a leader that dies in between is followed by one that enqueues the task once
more, and so is one that was suspended longer than its lease. The task's id says what it was due for, and of several messages
for one due time the workers work on one (`is_worked_on`). So none is missed, and none is done twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import redis
import structlog
from celery import beat
from redis.exceptions import LockError
from redis.lock import Lock

from core.process.lasting import Attempts
from core.process.log_events import LogEvent
from core.process.redis_clients import PROBING, open_redis
from worker.celery_setup.schedule import DueTask
from worker.configuration import configured
from worker.handoff.keys import Keys
from worker.settings import Settings

log = structlog.get_logger(__name__)

#: How often a lease is renewed, and asked for, within its term.
ASKS_A_TERM = 3
#: How long a due time is remembered: longer than any task waits for its worker.
REMEMBERED_S = 2 * 86_400
#: What was due earlier than this is not looked for: each task is enqueued for its last due time alone.
LOOK_BACK = timedelta(days=2)


class Turns:
    """Whose turn it is to enqueue, and what was enqueued last. May raise redis.RedisError."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        keys = Keys(settings.key_prefix)
        self._client, self._enqueued = client, keys.enqueued
        self._lease = Lock(client, keys.scheduler_lease, timeout=settings.scheduler_lease_s, thread_local=False)
        self._leads: bool | None = None

    def take(self) -> bool:
        """Renew the lease, or take one that has ended; whether it is ours."""
        leads = self._renewed() or bool(self._lease.acquire(blocking=False))
        if leads != self._leads:
            log.info(LogEvent.SCHEDULER_LEADS if leads else LogEvent.SCHEDULER_STANDS_BY)
        self._leads = leads
        return leads

    def _renewed(self) -> bool:
        try:
            return bool(self._leads and self._lease.reacquire())
        except LockError:
            return False

    def give_up(self) -> None:
        """Let another scheduler lead at once. Total: a lease that cannot be given up ends by itself."""
        if self._leads:
            self._leads = False
            try:
                self._lease.release()
            except (LockError, redis.RedisError) as error:
                log.warning(LogEvent.LEASE_ENDS_BY_ITSELF, error=type(error).__name__)

    def now(self) -> datetime:
        """The time of Redis."""
        seconds, microseconds = self._client.time()
        return datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)

    def last(self, name: str, now: datetime) -> datetime:
        """The due time for which a task was enqueued last; one that never was counts from now on."""
        self._client.zadd(self._enqueued, {name: now.timestamp()}, nx=True)
        score: Any = self._client.zscore(self._enqueued, name)
        return datetime.fromtimestamp(float(score), UTC)

    def done(self, name: str, due: datetime) -> None:
        """The task was enqueued for this due time; a scheduler that is behind takes nothing back."""
        self._client.zadd(self._enqueued, {name: due.timestamp()}, gt=True)


class Scheduler(beat.Scheduler):  # type: ignore[misc]  # celery is untyped
    """One of several schedulers; nothing connects before the first tick."""

    def setup_schedule(self) -> None:
        """The tasks of the configuration, and Celery's own; in the other order, merging takes out Celery's."""
        self.merge_inplace(self.app.conf.beat_schedule)
        self.install_default_entries(self.schedule)

    @cached_property
    def turns(self) -> Turns:
        """Whose turn it is."""
        settings, urls = configured()
        return Turns(open_redis(urls.redis_url, PROBING), settings)

    @cached_property
    def attempts(self) -> Attempts:
        """What comes of its ticks."""
        return Attempts("scheduler", (redis.RedisError, beat.SchedulingError))

    def tick(self, *_: Any, **__: Any) -> float:
        """Enqueue what is due, if this one leads; how many seconds to wait for the next tick. Total.

        Celery's scheduler ends by whatever is raised here.
        """
        pauses: list[float] = []
        return self.attempts.attempt(lambda: pauses.append(self._attend())) or pauses[0]

    def _attend(self) -> float:
        pause = configured().settings.scheduler_lease_s / ASKS_A_TERM
        if self.turns.take():
            pause = min(pause, *(self._attend_to(entry) for entry in self.schedule.values()))
        return pause

    def _attend_to(self, entry: Any) -> float:
        """Enqueue a task if it is due; in how many seconds it is due again."""
        now = self.turns.now()
        last = max(self.turns.last(entry.name, now), now - LOOK_BACK)
        due = self._due_after(entry, last, now)
        if due > now:
            return (due - now).total_seconds()
        while (following := self._due_after(entry, due, now)) <= now:
            due = following
        self._enqueue(entry, due)
        self.turns.done(entry.name, due)
        return (following - now).total_seconds()

    @staticmethod
    def _due_after(entry: Any, last: datetime, now: datetime) -> datetime:
        schedule = entry.schedule
        schedule.nowfun = lambda: now
        return now + timedelta(seconds=round(schedule.remaining_estimate(last).total_seconds(), 3))

    def _enqueue(self, entry: Any, due: datetime) -> None:
        """Over a connection of its own: one that is idle for an hour may be dead by then. Raises SchedulingError."""
        task = DueTask.at(entry.name, due)
        log.info(LogEvent.TASK_IS_DUE, task=entry.name, due=due.isoformat())
        try:
            with self.app.connection_for_write() as connection:
                producer = self.Producer(connection, auto_declare=False)
                self.app.send_task(
                    entry.task, entry.args, entry.kwargs, producer=producer, task_id=task.task_id, **entry.options
                )
        except Exception as error:
            raise beat.SchedulingError(entry.name) from error

    def close(self) -> None:
        """Let another scheduler lead at once."""
        if "turns" in vars(self):
            self.turns.give_up()
        super().close()


def is_worked_on(task_id: str | None, client: redis.Redis, settings: Settings) -> bool:
    """Whether a periodic task is to be worked on: it is the first message of its due time that came to a worker.

    A message that is delivered again is the same, and is worked on again. With Redis away all are, for twice is better
    than not at all.
    """
    task = DueTask.of(task_id)
    if task is None:
        return True
    key = Keys(settings.key_prefix).due(task.due)
    try:
        return bool(client.set(key, task.message, nx=True, ex=REMEMBERED_S)) or client.get(key) == task.message.encode()
    except redis.RedisError as error:
        log.warning(LogEvent.PERIODIC_TASK_UNMARKED, error=type(error).__name__)
        return True
