"""A Redis that answers and refuses is one that is away: the worker waits, says why once, and goes on when it is well.

One worker for all kinds, on each broker: none of them may end it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import redis

from tests.conftest import started
from tests.support.accounts import AU, message, seed
from tests.support.redis_refusals import AS_BROKER, AS_CACHE, BOTH, USER, refusing, with_login
from tests.support.running_worker import PATIENCE_S, QUEUES, Deployment, RunningWorker, running, until
from tests.support.services import RedisProcess
from tests.support.stock_clients import (
    all_dispatched,
    delete_queues,
    dispatched,
    purge,
    push,
    send_with_celery,
    waiting,
)

pytestmark = [pytest.mark.slow, pytest.mark.redis]

#: How long each refuses. Longer than a claim's deadline, and than the worker's first pauses.
REFUSES_S = 2.5
#: How soon all goes on after the mend, and what a machine that is busy may need beside it.
GOES_ON_S = 5.0 + 10.0
SETTINGS = {"claim_deadline_s": "2", "claim_attempts": "2", "claim_size": "200"}
MANY = 10_000

Absent = Callable[[str, Exception | str], None]


@contextmanager
def private_server(absent: Absent) -> Iterator[tuple[RedisProcess, redis.Redis]]:
    """A Redis, and an administrator's connection to it, which stands whatever happens to others."""
    made = RedisProcess(options=("--user", *USER))
    with started(made, "a Redis server to start", absent) as server, server.client() as admin:
        yield server, redis.Redis(connection_pool=admin.connection_pool, single_connection_client=True)


@pytest.fixture(scope="module")
def on_redis(
    tmp_path_factory: pytest.TempPathFactory, absent: Absent
) -> Iterator[tuple[RunningWorker, RedisProcess, redis.Redis]]:
    with ExitStack() as stack:
        server, admin = stack.enter_context(private_server(absent))
        url = with_login(server.url)
        database_url = f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"
        seed(database_url, server.url)
        yield stack.enter_context(running(Deployment(url, url, database_url, SETTINGS))), server, admin


@pytest.fixture(scope="module")
def on_rabbitmq(
    tmp_path_factory: pytest.TempPathFactory, rabbitmq_url: str, absent: Absent
) -> Iterator[tuple[RunningWorker, RedisProcess, redis.Redis]]:
    with ExitStack() as stack:
        server, admin = stack.enter_context(private_server(absent))
        database_url = f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"
        seed(database_url, server.url)
        deployment = Deployment(rabbitmq_url, server.url, database_url, SETTINGS)
        stack.callback(delete_queues, deployment, QUEUES)
        yield stack.enter_context(running(deployment)), server, admin


def told_since(worker: RunningWorker, before: int) -> str:
    return worker.log[before:]


@pytest.mark.parametrize("kind", AS_BROKER)
def test_a_worker_waits_for_its_broker(on_redis: tuple[RunningWorker, RedisProcess, redis.Redis], kind: str) -> None:
    worker, server, admin = on_redis
    deployment, before, refusal = worker.deployment, len(worker.log), AS_BROKER[kind]
    purge(deployment, "dispatch", "parked")
    push(deployment, [message(AU) for _ in range(MANY)])
    with refusing(refusal, server, admin):
        time.sleep(REFUSES_S)
        assert worker.alive
    mended = time.monotonic()
    push(deployment, [message(AU)])
    until(lambda: waiting(deployment, "dispatch") == MANY + 1, GOES_ON_S, lambda: told_since(worker, before)[-3000:])
    print(f"{kind}: all dispatched {time.monotonic() - mended:.1f} s after the mend")
    until(
        lambda: worker.log.count(" ready.") >= 1 and "work_goes_on" in told_since(worker, before),
        PATIENCE_S,
        "a last word",
    )
    told = told_since(worker, before)
    ids = [each["message_id"] for each in all_dispatched(deployment)]
    assert (len(ids), len(set(ids))) == (MANY + 1, MANY + 1)
    # redis-py tries by itself for some seconds to log in, or to be loaded; if that is enough, nobody hears of it.
    assert refusal.said in told or refusal.said in {"WRONGPASS", "LOADING"}
    assert "Traceback" not in told, told
    assert told.count("\n") < 60, told
    assert waiting(deployment, "parked") == 0
    purge(deployment, "dispatch")


@pytest.mark.parametrize("kind", ["read-only", "memory full", "a script for ever"])
def test_tasks_that_celery_runs_wait_too(on_redis: tuple[RunningWorker, RedisProcess, redis.Redis], kind: str) -> None:
    worker, server, admin = on_redis
    purge(worker.deployment, "dispatch", "parked")
    calls = [{"args": [message(AU)], "options": {"countdown": 1 + number / 10}} for number in range(30)]
    send_with_celery(worker.deployment, calls)
    time.sleep(1.5)  # some have begun, some wait for their time
    with refusing(BOTH[kind], server, admin):
        time.sleep(REFUSES_S)
    came = dispatched(worker.deployment, 30)
    time.sleep(1)
    assert len({each["message_id"] for each in came}) == 30
    assert (waiting(worker.deployment, "dispatch"), waiting(worker.deployment, "parked")) == (0, 0)
    assert worker.alive


@pytest.fixture(scope="module")
def idle(
    tmp_path_factory: pytest.TempPathFactory, absent: Absent
) -> Iterator[tuple[Deployment, RedisProcess, redis.Redis]]:
    """A Redis on which no worker runs yet."""
    with private_server(absent) as (server, admin):
        url = with_login(server.url)
        database_url = f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"
        seed(database_url, server.url)
        yield Deployment(url, url, database_url, SETTINGS), server, admin


@pytest.mark.parametrize("kind", ["read-only", "memory full", "loading"])
def test_a_worker_that_starts_meanwhile_waits_too(
    idle: tuple[Deployment, RedisProcess, redis.Redis], kind: str
) -> None:
    deployment, server, admin = idle
    push(deployment, [message(AU) for _ in range(20)])
    worker = RunningWorker(deployment)
    try:
        with refusing(BOTH[kind], server, admin):
            worker.start(wait=False)
            if kind != "loading":  # which is over when it is over
                until(lambda: BOTH[kind].said in worker.log, 60, lambda: worker.log[-3000:])
                time.sleep(1)
                assert worker.alive
                assert not worker.ready
        worker.wait_until_ready()
        assert len(dispatched(deployment, 20)) == 20
        assert "Traceback" not in worker.log, worker.log
    finally:
        worker.remove()


def batch(count: int) -> dict[str, Any]:
    name = uuid.uuid4().hex[:12]
    recipients = [{"to": AU, "message_id": f"{name}-{number}"} for number in range(count)]
    return {"account_id": "acme", "campaign_id": name, "batch_id": "b", "body": "Doors open.", "recipients": recipients}


@pytest.mark.rabbitmq
@pytest.mark.parametrize("kind", AS_CACHE)
def test_a_worker_on_rabbitmq_goes_on_with_messages_and_waits_with_campaigns(
    on_rabbitmq: tuple[RunningWorker, RedisProcess, redis.Redis], kind: str
) -> None:
    worker, server, admin = on_rabbitmq
    deployment, before, refusal = worker.deployment, len(worker.log), AS_CACHE[kind]
    purge(deployment, "dispatch", "parked")
    push(deployment, [message(AU)])
    assert len(dispatched(deployment, 1)) == 1
    with refusing(refusal, server, admin):
        push(deployment, [message(AU) for _ in range(50)])
        push(deployment, [batch(1200)], "campaign_ingress")
        assert len(dispatched(deployment, 50)) == 50
        time.sleep(REFUSES_S)
        if kind != "loading":  # which may be over by now
            assert (waiting(deployment, "dispatch"), waiting(deployment, "parked")) == (0, 0)
    until(lambda: waiting(deployment, "dispatch") == 1200, GOES_ON_S, lambda: told_since(worker, before)[-3000:])
    time.sleep(0.5)
    assert waiting(deployment, "dispatch") == 1200
    told = told_since(worker, before)
    assert worker.alive
    assert "Traceback" not in told, told
    assert told.count("\n") < 60, told
    purge(deployment, "dispatch")


def test_scripts_that_redis_has_forgotten_are_sent_again(
    on_redis: tuple[RunningWorker, RedisProcess, redis.Redis],
) -> None:
    worker, _, admin = on_redis
    for _ in range(3):
        admin.script_flush()
        push(worker.deployment, [message(AU) for _ in range(20)])
        assert len(dispatched(worker.deployment, 20)) == 20
    assert worker.alive
