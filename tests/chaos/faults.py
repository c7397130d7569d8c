"""The kinds of faults that the long form draws from: how each breaks something of a scene, and mends it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

import redis

from tests.chaos.scene import Scene
from tests.support import redis_refusals, sql_refusals
from tests.support.rabbit_refusals import full, reads_only, short_of_disk, short_of_memory
from tests.support.running_worker import STOP_S
from tests.support.services import RedisProcess

Break = Callable[[Scene, random.Random], AbstractContextManager[None]]

#: How long a fault lasts, in seconds: less and more than a claim's deadline, and than a silence is borne.
MOMENT, WHILE, SILENCE = (0.0, 1.0), (0.5, 6.0), (1.0, 14.0)
#: Messages that a full dispatch queue has room for.
ROOM = 100


@dataclass(frozen=True)
class Fault:
    """One kind; `lasts` are the shortest and the longest time between break and mend."""

    name: str
    broken: Break
    lasts: tuple[float, float] = WHILE


@contextmanager
def child_killed(scene: Scene, chance: random.Random) -> Iterator[None]:
    worker = scene.ready_worker(chance.randrange(2))
    if children := worker.children:
        worker.kill_child(chance.choice(children))
    yield


@contextmanager
def worker_killed(scene: Scene, chance: random.Random) -> Iterator[None]:
    worker = scene.ready_worker(chance.randrange(2))
    worker.kill()
    yield
    worker.start(wait=False)


@contextmanager
def worker_ended(scene: Scene, chance: random.Random) -> Iterator[None]:
    """As in a rolling upgrade; it has to end by itself, and well."""
    worker = scene.ready_worker(chance.randrange(2))
    worker.terminate()
    yield
    assert worker.process is not None
    code = worker.process.wait(2 * STOP_S)
    worker.start(wait=False)
    assert code == 0, f"a worker ended with code {code} after SIGTERM"


@contextmanager
def silence(names: Sequence[str], scene: Scene, _: random.Random) -> Iterator[None]:
    proxies = [scene.proxies[name] for name in names]
    for proxy in proxies:
        proxy.go_silent()
    try:
        yield
    finally:
        for proxy in proxies:
            proxy.mend()


@contextmanager
def broker_killed(scene: Scene, _: random.Random) -> Iterator[None]:
    scene.broker.kill()
    try:
        yield
    finally:
        scene.broker.start()


@contextmanager
def broker_restarted(scene: Scene, _: random.Random) -> Iterator[None]:
    scene.broker.stop()
    try:
        yield
    finally:
        scene.broker.start()


@contextmanager
def cache_killed(scene: Scene, _: random.Random) -> Iterator[None]:
    scene.cache.kill()
    try:
        yield
    finally:
        scene.cache.start()


def redis_refusal(refusal: redis_refusals.Refusal, of_broker: bool) -> Break:
    @contextmanager
    def refusing(scene: Scene, _: random.Random) -> Iterator[None]:
        server = scene.broker if of_broker else scene.cache
        assert isinstance(server, RedisProcess)
        with server.client() as client:
            # One connection that stands whatever happens to others.
            admin = redis.Redis(connection_pool=client.connection_pool, single_connection_client=True)
            with redis_refusals.refusing(refusal, server, admin):
                yield

    return refusing


@contextmanager
def scripts_forgotten(scene: Scene, _: random.Random) -> Iterator[None]:
    server = scene.broker if isinstance(scene.broker, RedisProcess) else scene.cache
    with server.client() as client:
        client.script_flush()
    yield


@contextmanager
def pair_failed_over(scene: Scene, chance: random.Random, *, planned: bool) -> Iterator[None]:
    pair = scene.pair
    assert pair is not None
    (pair.hand_over if planned else pair.kill_primary)()
    time.sleep(chance.uniform(0, 1))  # before the address leads to the other
    scene.proxies["broker"].lead_to(pair.primary.port)
    try:
        yield
    finally:
        pair.follow_again()


def sql_refusal(fault: sql_refusals.Fault) -> Break:
    @contextmanager
    def refusing(scene: Scene, _: random.Random) -> Iterator[None]:
        administrator = scene.administrator
        administrator.run(*fault.broken)
        try:
            with administrator.holding(fault.held):
                yield
        finally:
            administrator.run(*fault.mended)

    return refusing


@contextmanager
def sql_killed(scene: Scene, _: random.Random) -> Iterator[None]:
    scene.postgres.primary.kill()
    try:
        yield
    finally:
        scene.postgres.primary.start()


@contextmanager
def sql_failed_over(scene: Scene, _: random.Random) -> Iterator[None]:
    scene.postgres.kill_primary()
    scene.postgres.promote()
    try:
        yield
    finally:
        scene.postgres.follow_again()


def rabbit_refusal(refuse: Callable[..., AbstractContextManager[None]], *, of_dispatch: bool = False) -> Break:
    @contextmanager
    def refusing(scene: Scene, _: random.Random) -> Iterator[None]:
        assert scene.rabbit is not None
        words = (scene.deployment.queue("dispatch"), ROOM) if of_dispatch else ()
        with refuse(scene.rabbit, *words):
            yield

    return refusing


@contextmanager
def connections_closed(scene: Scene, _: random.Random) -> Iterator[None]:
    assert scene.rabbit is not None
    scene.rabbit.control("close_all_connections", "a fault of the tests")
    yield


#: On either broker.
EVERYWHERE = [
    Fault("a child killed", child_killed, MOMENT),
    Fault("a worker killed", worker_killed, MOMENT),
    Fault("a worker ended and started", worker_ended, MOMENT),
    Fault("the broker killed", broker_killed),
    Fault("the broker restarted", broker_restarted),
    Fault("the cache killed", cache_killed),
    Fault("PostgreSQL killed", sql_killed),
    Fault("PostgreSQL failed over", sql_failed_over),
    *(Fault(f"PostgreSQL: {name}", sql_refusal(fault)) for name, fault in sql_refusals.FAULTS.items()),
    Fault("silence of the broker", partial(silence, ["broker"]), SILENCE),
    Fault("silence of the cache", partial(silence, ["cache"]), SILENCE),
    Fault("silence of PostgreSQL", partial(silence, ["sql", "sql of the other"]), SILENCE),
    Fault("silence of all", partial(silence, ["broker", "cache", "sql", "sql of the other"]), SILENCE),
    Fault("scripts forgotten", scripts_forgotten, MOMENT),
    *(Fault(f"the cache: {name}", redis_refusal(each, False)) for name, each in redis_refusals.AS_CACHE.items()),
]
KINDS = {
    "redis": [
        *EVERYWHERE,
        Fault("the primary killed, its replica promoted", partial(pair_failed_over, planned=False)),
        Fault("the primary handed over", partial(pair_failed_over, planned=True)),
        *(Fault(f"Redis: {name}", redis_refusal(each, True)) for name, each in redis_refusals.AS_BROKER.items()),
    ],
    "rabbitmq": [
        *EVERYWHERE,
        Fault("RabbitMQ: a dispatch queue that rejects", rabbit_refusal(full, of_dispatch=True)),
        Fault("RabbitMQ: short of memory", rabbit_refusal(short_of_memory)),
        Fault("RabbitMQ: short of disk", rabbit_refusal(short_of_disk)),
        Fault("RabbitMQ: permissions to read only", rabbit_refusal(reads_only)),
        Fault("RabbitMQ: connections closed", connections_closed, MOMENT),
    ],
}


def dealt(kinds: Sequence[Fault], count: int, chance: random.Random) -> list[Fault]:
    """So many of them in an order by chance, each as often as any other, give or take one."""
    drawn: list[Fault] = []
    while len(drawn) < count:
        drawn += chance.sample(kinds, len(kinds))
    return drawn[:count]
