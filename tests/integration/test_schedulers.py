"""Several schedulers: one leads, and whatever becomes of it, each periodic task is enqueued and done once when it is due."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import redis

from core.process.redis_clients import PROBING, open_redis
from tests.support.hasty_scheduler import EVERY_S
from tests.support.running_worker import PATIENCE_S, ROOT, Deployment, until
from tests.support.services import signal_group
from worker.celery_setup.schedule import DueTask
from worker.celery_setup.scheduler import Turns, is_worked_on
from worker.settings import Settings

pytestmark = pytest.mark.redis


class Running:
    """A scheduler in a process of its own."""

    def __init__(self, deployment: Deployment, log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.hasty_scheduler"],
                cwd=ROOT,
                env=deployment.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def told(self) -> list[str]:
        """Whether it leads, from its first turn to its last."""
        events = (json.loads(line).get("event", "") for line in self.log.read_text().splitlines() if line[:1] == "{")
        return [event for event in events if event in {"scheduler_leads", "scheduler_stands_by"}]

    @property
    def leads(self) -> bool:
        return self.told[-1:] == ["scheduler_leads"]

    @property
    def stands_by(self) -> bool:
        return self.told[-1:] == ["scheduler_stands_by"]


@pytest.fixture
def start(redis_url: str, tmp_path: Path) -> Iterator[Callable[[], Running]]:
    deployment = Deployment(
        redis_url,
        redis_url,
        f"sqlite:///{tmp_path}/unused.sqlite3",
        {"scheduler_lease_s": "1", "data_dir": str(tmp_path)},
    )
    with ExitStack() as stack:

        def begin() -> Running:
            running = Running(deployment, tmp_path / f"{time.monotonic_ns()}.log")
            stack.callback(signal_group, running.process, signal.SIGKILL)
            return running

        yield begin


def enqueued(client: redis.Redis) -> list[tuple[str, datetime]]:
    """Each periodic task on the queue with the time that it was due."""
    found = []
    for element in client.lrange("smart-assign.work", 0, -1):
        task = DueTask.of(json.loads(element)["headers"]["id"])
        assert task
        name, _, due = task.due.partition("@")
        found.append((name, datetime.fromisoformat(due)))
    return found


def wait_for_more(client: redis.Redis) -> None:
    """Until a task is enqueued; then nothing is due for a while."""
    before = client.llen("smart-assign.work")
    until(lambda: client.llen("smart-assign.work") >= before + 2, EVERY_S + 3, "the next periodic tasks")
    time.sleep(0.1)


def test_they_take_turns_and_neither_miss_nor_repeat_a_task(
    start: Callable[[], Running], redis_client: redis.Redis
) -> None:
    first = start()
    until(lambda: first.leads, PATIENCE_S, first.log.read_text)
    second = start()
    until(lambda: second.stands_by, PATIENCE_S, second.log.read_text)
    wait_for_more(redis_client)
    first.process.kill()
    until(lambda: second.leads, PATIENCE_S, second.log.read_text)
    third = start()
    until(lambda: third.stands_by, PATIENCE_S, third.log.read_text)
    wait_for_more(redis_client)
    second.process.send_signal(signal.SIGSTOP)  # as a machine that stands still for longer than its lease
    until(lambda: third.leads, PATIENCE_S, third.log.read_text)
    second.process.send_signal(signal.SIGCONT)
    wait_for_more(redis_client)
    third.process.terminate()
    assert third.process.wait(10) == 0
    until(lambda: second.leads, PATIENCE_S, second.log.read_text)
    wait_for_more(redis_client)
    found = enqueued(redis_client)
    assert set(Counter(found).values()) == {1}
    for name in ("defaults.check", "parked.prune"):
        times = sorted(due for each, due in found if each == name)
        assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(seconds=EVERY_S)}
        assert len(times) >= 4


@pytest.fixture
def settings(redis_url: str) -> Settings:
    return Settings(broker_url=redis_url, scheduler_lease_s=1)


def test_a_leader_that_ends_lets_another_lead_at_once(redis_client: redis.Redis, settings: Settings) -> None:
    lasting = settings.model_copy(update={"scheduler_lease_s": 60.0})
    one, other = Turns(redis_client, lasting), Turns(redis_client, lasting)
    assert (one.take(), other.take(), one.take()) == (True, False, True)
    one.give_up()
    assert (other.take(), one.take()) == (True, False)


def test_a_task_that_was_never_enqueued_counts_from_now_on(redis_client: redis.Redis, settings: Settings) -> None:
    turns, now = Turns(redis_client, settings), datetime(2026, 11, 28, 3, tzinfo=UTC)
    assert turns.last("parked.prune", now) == now
    assert turns.last("parked.prune", now + timedelta(hours=1)) == now


def test_a_leader_that_was_overtaken_takes_nothing_back(redis_client: redis.Redis, settings: Settings) -> None:
    turns, now = Turns(redis_client, settings), datetime(2026, 11, 28, 3, tzinfo=UTC)
    turns.done("parked.prune", now + timedelta(hours=1))
    turns.done("parked.prune", now)
    assert turns.last("parked.prune", now) == now + timedelta(hours=1)


def test_of_several_messages_for_one_due_time_one_is_worked_on(redis_client: redis.Redis, settings: Settings) -> None:
    due = datetime(2026, 11, 28, 3, 10, tzinfo=UTC)
    first, second = DueTask.at("parked.prune", due), DueTask.at("parked.prune", due)
    later = DueTask.at("parked.prune", due + timedelta(days=1))
    asked = [is_worked_on(task.task_id, redis_client, settings) for task in (first, second, first, later)]
    assert asked == [True, False, True, True]


def test_what_others_enqueue_is_worked_on_each_time(redis_client: redis.Redis, settings: Settings) -> None:
    assert all(is_worked_on("5d6ca6ac-0ed6-43f5-9f3b-f1ad6d9f9ba1", redis_client, settings) for _ in range(2))


def test_with_redis_away_every_message_is_worked_on(settings: Settings) -> None:
    away = open_redis("redis://127.0.0.1:1/0", PROBING)
    task = DueTask.at("parked.prune", datetime(2026, 11, 28, 3, 10, tzinfo=UTC))
    assert is_worked_on(task.task_id, away, settings)
