"""Each client by itself, over a connection that is dead and does not look so: it gives up in time, and dials anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import redis
from sqlalchemy import text

from api.broker import BROKER_FAILURES, RabbitBroker
from core.errors import StoreUnavailableError
from core.process.redis_clients import open_redis, working
from core.process.silence import Silence
from core.storage.database import Database, open_engine
from tests.support.silent_proxy import SilentProxy, proxied
from worker.handoff.errors import PUBLISH_ERRORS
from worker.rabbitmq_broker.connections import open_rabbitmq
from worker.rabbitmq_broker.outgoing import Outgoing
from worker.rabbitmq_broker.publisher import ConfirmedPublisher
from worker.rabbitmq_broker.tail import RabbitTail
from worker.settings import Settings

#: Shorter than a deployment may set it.
SILENCE_S = 2.0


@contextmanager
def gives_up(within_s: float, *errors: type[Exception]) -> Iterator[None]:
    began = time.monotonic()
    with pytest.raises(errors):
        yield
    assert time.monotonic() - began < within_s


@contextmanager
def silent(proxy: SilentProxy) -> Iterator[None]:
    proxy.go_silent()
    try:
        yield
    finally:
        proxy.mend()


@pytest.mark.redis
def test_redis(redis_url: str) -> None:
    with proxied(redis_url) as (proxy, url), open_redis(url, working(SILENCE_S)) as client:
        client.set("key", "1")
        with silent(proxy), gives_up(2.5, redis.TimeoutError):
            client.get("key")
        assert client.get("key") == b"1"


@pytest.mark.redis
def test_redis_where_the_connection_alone_is_dead(redis_url: str) -> None:
    with proxied(redis_url) as (proxy, url), open_redis(url, working(SILENCE_S)) as client:
        client.set("key", "1")
        with silent(proxy):
            pass
        began = time.monotonic()
        assert client.get("key") == b"1"
        assert time.monotonic() - began < SILENCE_S


@pytest.mark.postgres
@pytest.mark.parametrize("idle_s", [0.0, 2.1], ids=["in use", "idle"])
def test_postgresql(postgres_url: str, idle_s: float) -> None:
    with proxied(postgres_url) as (proxy, url):
        database = Database(open_engine(url, silence=Silence(SILENCE_S / 2)))

        def ask() -> None:
            with database.single() as connection:
                assert connection.execute(text("SELECT 1")).scalar() == 1

        ask()
        with silent(proxy):
            pass
        time.sleep(idle_s)
        if idle_s:  # asked first, and replaced
            ask()
        else:
            with gives_up(4, StoreUnavailableError):
                ask()
            ask()
        database.engine.dispose()


@pytest.fixture
def rabbit_settings(rabbitmq_url: str) -> Settings:
    return Settings(broker_url=rabbitmq_url, redis_url="redis://unused", silence_s=8).model_copy(
        update={"silence_s": SILENCE_S} | {f"{name}_queue": f"limits.{name}" for name in ("ingress", "dispatch")}
    )


@pytest.mark.rabbitmq
def test_rabbitmq_that_owes_an_answer(rabbitmq_url: str) -> None:
    with proxied(rabbitmq_url) as (proxy, url):
        connection = open_rabbitmq(url, SILENCE_S)
        connection.connect()
        with silent(proxy), gives_up(2.5, *PUBLISH_ERRORS):
            connection.channel()
        connection.channel()  # kombu dials anew
        began = time.monotonic()
        with silent(proxy):
            connection.close()
        assert time.monotonic() - began < SILENCE_S + 0.5


@pytest.mark.rabbitmq
def test_rabbitmq_that_owes_a_confirm(rabbitmq_url: str, rabbit_settings: Settings) -> None:
    message = Outgoing("limits.dispatch", b"{}")
    with proxied(rabbitmq_url) as (proxy, url):
        publisher = ConfirmedPublisher(url, rabbit_settings)
        publisher.publish([message])
        with silent(proxy), gives_up(2.5, *PUBLISH_ERRORS):
            publisher.publish([message])
        publisher.publish([message])
        publisher.close()


@pytest.mark.rabbitmq
@pytest.mark.parametrize("read", [RabbitTail.drain, RabbitTail.peek], ids=["drain", "peek"])
def test_a_tail_of_rabbitmq_ends(
    rabbitmq_url: str, rabbit_settings: Settings, read: Callable[[RabbitTail, int | None], Iterator[object]]
) -> None:
    with proxied(rabbitmq_url) as (proxy, url):
        publisher = ConfirmedPublisher(rabbitmq_url, rabbit_settings)
        publisher.publish([Outgoing("limits.dispatch", b"{}") for _ in range(3)])
        publisher.close()
        pieces = read(RabbitTail(url, rabbit_settings, "limits.dispatch"), 1)
        next(pieces)
        began = time.monotonic()
        with silent(proxy), suppress(*PUBLISH_ERRORS):
            pieces.close()  # type: ignore[attr-defined]  # as Ctrl-C does
        assert time.monotonic() - began < 3 * SILENCE_S


@pytest.mark.rabbitmq
def test_the_api_that_puts_back_on_rabbitmq(rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.broker.ANSWER_TIMEOUT_S", 0.5)
    monkeypatch.setattr("api.broker.CONNECT_TIMEOUT_S", 0.5)
    with proxied(rabbitmq_url) as (proxy, url), silent(proxy), gives_up(3, *BROKER_FAILURES):
        RabbitBroker(url).send("limits.dispatch", [b"{}"])
