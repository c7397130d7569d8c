"""Connections that are dead and look alive: nothing arrives, nothing is refused, nothing is closed.

The limits are shortened here; `SMART_ASSIGN_CHAOS_SILENCE_S=20`, the default of the product, shows what users see.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from tests.chaos.conftest import SETTINGS
from tests.support.accounts import AU, FR, GB, US, message, seed
from tests.support.running_worker import PATIENCE_S, QUEUES, Deployment, RunningWorker, running, until
from tests.support.services import RedisProcess
from tests.support.silent_proxy import SilentProxy, proxied
from tests.support.stock_clients import all_dispatched, delete_queues, push, send_with_celery

LONG = "SMART_ASSIGN_CHAOS_SILENCE_S" in os.environ
SILENCE_S = float(os.environ.get("SMART_ASSIGN_CHAOS_SILENCE_S", "8"))
#: How long nothing passes, each time, and a country whose decision needs SQL then.
ROUNDS = [(0.5 * SILENCE_S, FR)] + ([(0.5, GB), (2 * SILENCE_S, US)] if LONG else [])
#: Everything goes on within a minute.
RECOVERY_S = 60.0
#: A worker that is told to go while nothing answers.
END_S = 60.0

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(300 + 4 * SILENCE_S)]


@dataclass
class Paths:
    """A deployment as its producers and consumers reach it, and as its worker does: through proxies."""

    direct: Deployment
    through: Deployment
    proxies: list[SilentProxy]

    def go_silent(self) -> None:
        for proxy in self.proxies:
            proxy.go_silent()

    @property
    def broker(self) -> SilentProxy:
        """The one before the broker."""
        return self.proxies[0]

    def mend(self) -> None:
        for proxy in self.proxies:
            proxy.mend()


@pytest.fixture(params=[pytest.param("redis", id="redis"), pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def paths(request: pytest.FixtureRequest, own_redis: RedisProcess, postgres_url: str) -> Iterator[Paths]:
    on_redis = request.param == "redis"
    broker_url = own_redis.url if on_redis else request.getfixturevalue("rabbitmq_url")
    seed(postgres_url, own_redis.url)
    settings = SETTINGS | {"silence_s": f"{SILENCE_S:g}", "claim_size": "1000"}
    direct = Deployment(broker_url, own_redis.url, postgres_url, settings)
    with ExitStack() as stack:
        ways = {
            name: stack.enter_context(proxied(getattr(direct, name)))
            for name in ("broker_url", "redis_url", "database_url")
        }
        through = replace(direct, **{name: url for name, (_, url) in ways.items()})
        if on_redis:
            through = replace(through, redis_url=through.broker_url)
        yield Paths(direct, through, [proxy for proxy, _ in ways.values()])
    if not on_redis:
        delete_queues(direct, QUEUES)


def everything(paths: Paths, new_country: str) -> Callable[[float], None]:
    """Send documents whose decision is known, one that needs SQL, and a task that Celery runs; gives what awaits them."""
    known, cold = [message(AU) for _ in range(20)], message(new_country)
    by_celery = message(AU)
    push(paths.direct, [*known, cold])
    task = {"task": "message.assign", "args": [by_celery], "options": {"countdown": 0.1}}
    send_with_celery(paths.direct, [task])
    sent = {document["message_id"] for document in (*known, cold, by_celery)}

    def came(within_s: float) -> None:
        missing, until_s = set(sent), time.monotonic() + within_s
        while missing and time.monotonic() < until_s:
            missing -= {document["message_id"] for document in all_dispatched(paths.direct)}
            time.sleep(0.1)
        kinds = {cold["message_id"]: "the one that needs SQL", by_celery["message_id"]: "the one that Celery runs"}
        assert not [kinds.get(each, "one that is known") for each in missing]

    return came


def recover(paths: Paths, worker: RunningWorker, *, silent_s: float, new_country: str) -> None:
    paths.go_silent()
    arrived = everything(paths, new_country)
    time.sleep(silent_s)
    paths.mend()
    began = time.monotonic()
    arrived(RECOVERY_S)
    print(f"silent for {silent_s:g} s, went on {time.monotonic() - began:.1f} s after the mend")
    assert worker.alive


def test_it_goes_on_after_a_silence(paths: Paths) -> None:
    with running(paths.through) as worker:
        everything(paths, AU)(20)
        for silent_s, new_country in ROUNDS:
            recover(paths, worker, silent_s=silent_s, new_country=new_country)
        paths.go_silent()
        worker.terminate()
        began = time.monotonic()
        assert worker.process is not None
        worker.process.wait(END_S)
        print(f"ended {time.monotonic() - began:.1f} s after SIGTERM in silence")


#: What a worker says as it publishes: its main loop, which no other thread watches on RabbitMQ, and its pool.
SIGNS = {"a heartbeat of the main loop": b"worker.heartbeat", "a result of the pool": b".dispatch"}


def test_it_goes_on_where_the_silence_begins_as_it_publishes(paths: Paths) -> None:
    """Every wait of the main loop has a limit, so that it needs nobody to watch it."""
    with running(paths.through) as worker:
        everything(paths, AU)(20)
        for who, sign in SIGNS.items():
            paths.broker.go_silent_at(sign)
            push(paths.direct, [message(AU)])
            until(lambda: paths.broker.silent, PATIENCE_S, "a silence")
            arrived = everything(paths, AU)
            time.sleep(SILENCE_S)
            paths.mend()
            began = time.monotonic()
            arrived(RECOVERY_S)
            print(f"silent from {who} on, went on {time.monotonic() - began:.1f} s after the mend")
        assert worker.alive
