"""Epochs that were raised in SQL while no Redis could be told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from core.accounts.accounts import Accounts
from core.storage.database import open_engine
from core.storage.upgrade import upgrade
from core.store import Store
from worker.celery_setup.housekeeping import Housekeeper
from worker.embedded.urls import ResolvedUrls
from worker.settings import Settings
from worker.wiring import Runtime

pytestmark = pytest.mark.redis


@pytest.fixture
def parts(tmp_path: Path, redis_url: str) -> Iterator[Runtime]:
    database_url = f"sqlite:///{tmp_path}/test.sqlite3"
    upgrade(database_url)
    made = Runtime(Settings(broker_url=redis_url), ResolvedUrls(redis_url, redis_url, database_url, None))
    yield made
    made.close()


def test_it_tells_at_its_start_what_was_written_while_no_redis_ran(parts: Runtime, redis_client: redis.Redis) -> None:
    earlier = datetime.now(UTC) - timedelta(hours=20)
    command = Store(open_engine(parts.urls.database_url), clock=lambda: earlier)
    Accounts(command).add("acme")
    command.engine.dispose()
    Housekeeper(parts, threading.Event()).repair_epochs()
    assert redis_client.get("smart-assign:epoch:account:acme") == b"1"


def test_it_looks_back_a_minute_from_then_on(parts: Runtime, redis_client: redis.Redis) -> None:
    housekeeper = Housekeeper(parts, threading.Event())
    housekeeper.repair_epochs()
    earlier = datetime.now(UTC) - timedelta(hours=20)
    old, recent = (
        Store(open_engine(parts.urls.database_url), clock=lambda at=at: at) for at in (earlier, datetime.now(UTC))
    )
    Accounts(old).add("old")
    Accounts(recent).add("recent")
    housekeeper.repair_epochs()
    found = [redis_client.get(f"smart-assign:epoch:account:{name}") for name in ("old", "recent")]
    assert found == [None, b"1"]
    old.engine.dispose()
    recent.engine.dispose()
