"""Servers and workers of a test's own, all of which it may kill."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.accounts import add_account, open_store, seed
from tests.support.running_worker import Deployment, RunningWorker
from tests.support.services import RedisProcess

#: How many times a run kills; messages are sent for as long as it does. Raise it for a soak.
KILLS = int(os.environ.get("SMART_ASSIGN_CHAOS_KILLS", "8"))
#: How long a server stays away. Raise it to see that a minute is no other than a second.
AWAY_S = float(os.environ.get("SMART_ASSIGN_CHAOS_AWAY_S", "1"))

#: An account that sends like acme, on Redis.
OTHER = "other"
SETTINGS = {"claim_deadline_s": "3", "claim_size": "20", "claim_attempts": "20"}

StartWorkers = Callable[[Deployment, int], list[RunningWorker]]


@pytest.fixture
def start_workers() -> Iterator[StartWorkers]:
    """Starts workers that are gone after the test."""
    with ExitStack() as stack:

        def start(deployment: Deployment, count: int) -> list[RunningWorker]:
            workers = [RunningWorker(deployment) for _ in range(count)]
            for worker in workers:
                stack.callback(worker.remove)
                worker.start(wait=False)
            for worker in workers:
                worker.wait_until_ready()
            return workers

        yield start


@pytest.fixture
def safe_redis(own_redis: RedisProcess) -> RedisProcess:
    """A private Redis that has every write on disk before it answers."""
    with own_redis.client() as client:
        client.config_set("appendfsync", "always")
    return own_redis


@pytest.fixture
def on_redis(safe_redis: RedisProcess, tmp_path: Path) -> Deployment:
    """Everything on a private Redis and SQLite, with short deadlines."""
    database_url = f"sqlite:///{tmp_path / 'chaos.sqlite3'}"
    seed(database_url, safe_redis.url)
    with open_store(database_url, safe_redis.url) as store:
        add_account(store, OTHER)
    return Deployment(safe_redis.url, safe_redis.url, database_url, SETTINGS)
