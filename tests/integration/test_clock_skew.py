"""Workers whose clocks are a minute off decide alike, and know what the others have dispatched."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest

from core.moments import utc_now
from tests.integration.conftest import PAIRS, MakeDeployment
from tests.support.accounts import AU, message
from tests.support.running_worker import QUEUES, Deployment
from tests.support.stock_clients import all_dispatched
from worker.embedded.urls import ResolvedUrls
from worker.settings import Settings
from worker.wiring import Runtime

OFF_S = (0, -60, 60)


@pytest.fixture(params=PAIRS)
def deployment(request: pytest.FixtureRequest, make_deployment: MakeDeployment) -> Deployment:
    """Without a worker."""
    return make_deployment(request.param)


def worker_of(deployment: Deployment, off_s: int) -> Runtime:
    """What one worker process works with, its clock so many seconds off."""
    urls = ResolvedUrls(deployment.broker_url, deployment.redis_url, deployment.database_url, None)
    queues = {f"{name}_queue": deployment.queue(name) for name in QUEUES}
    settings = Settings(broker_url=urls.broker_url, redis_url=urls.redis_url, database_url=urls.database_url, **queues)

    def clock() -> datetime:
        return utc_now() + timedelta(seconds=off_s)

    return Runtime(settings, urls, clock)


@pytest.fixture
def workers(deployment: Deployment) -> Iterator[list[Runtime]]:
    with ExitStack() as stack:
        runtimes = [worker_of(deployment, off_s) for off_s in OFF_S]
        for each in runtimes:
            stack.callback(each.close)
        yield runtimes


def test_it_depends_on_no_workers_clock(deployment: Deployment, workers: list[Runtime]) -> None:
    messages = [message(AU) for _ in workers]
    for each in messages:
        for place, worker in enumerate(workers):
            told = worker.broker.messages.on_task(uuid.uuid4().hex, json.dumps(each).encode())
            assert told["dispatched"] == (1 if place == 0 else 0)
        workers.append(workers.pop(0))
    came = list(all_dispatched(deployment))
    assert [each["message_id"] for each in came[:: -1 if deployment.on_redis else 1]] == [
        each["message_id"] for each in messages
    ]
    assert len({json.dumps(each["assignment"], sort_keys=True) for each in came}) == 1
    assert len({each["assigned_at"] for each in came}) == len(OFF_S)
