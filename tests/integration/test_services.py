"""The fixtures themselves: what the chaos tests take for granted."""

from __future__ import annotations

import time

import psycopg
import pytest
import redis
from kombu import Connection

from tests.support.services import QUORUM_SETTLES_S, PostgresProcess, RabbitProcess, RedisProcess


@pytest.mark.redis
def test_it_gives_an_empty_redis(redis_client: redis.Redis) -> None:
    assert redis_client.dbsize() == 0
    redis_client.set("left", "over")


@pytest.mark.redis
def test_it_gives_an_empty_redis_again(redis_client: redis.Redis) -> None:
    assert redis_client.dbsize() == 0


def test_it_passes_a_message_through_each_broker(broker_url: str) -> None:
    with Connection(broker_url) as connection:
        queue = connection.SimpleQueue("fixture-probe", queue_opts={"durable": True})
        queue.put({"probe": 1})
        message = queue.get(timeout=5)
        message.ack()
        queue.close()
    assert message.payload == {"probe": 1}


@pytest.mark.postgres
def test_it_gives_a_database_of_its_own(postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        tables = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
    assert tables == (0,)


@pytest.mark.chaos
def test_its_redis_keeps_data_through_a_kill(own_redis: RedisProcess) -> None:
    with own_redis.client() as client:
        client.set("kept", "1")
    own_redis.kill()
    own_redis.start()
    with redis.Redis.from_url(own_redis.socket_url) as client:
        assert client.get("kept") == b"1"


@pytest.mark.chaos
def test_its_postgres_keeps_data_through_a_kill(own_postgres: PostgresProcess) -> None:
    url = own_postgres.url.replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        connection.execute("create table kept (n int)")
    own_postgres.kill()
    own_postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)


@pytest.mark.chaos
@pytest.mark.slow
def test_its_rabbitmq_keeps_confirmed_messages_through_a_kill(own_rabbitmq: RabbitProcess) -> None:
    quorum = {"x-queue-type": "quorum"}
    with Connection(own_rabbitmq.url, transport_options={"confirm_publish": True}) as connection:
        connection.SimpleQueue("kept", queue_args=quorum).put({"kept": 1})
    time.sleep(QUORUM_SETTLES_S)
    own_rabbitmq.kill()
    own_rabbitmq.start()
    with Connection(own_rabbitmq.url) as connection:
        assert connection.SimpleQueue("kept", queue_args=quorum).get(timeout=30).payload == {"kept": 1}
