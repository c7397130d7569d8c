"""How Celery's consumer takes tasks from Redis lists: what is not written down comes back, and nothing else does."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis
from celery import Celery
from kombu import Connection

from worker.celery_setup.redis_transport import CONNECTION_ERRORS, Transport
from worker.celery_setup.taking import QoS, Taking

pytestmark = pytest.mark.redis

LISTS = ["work", "work\x06\x163"]


def take(client: redis.Redis, taking: Taking) -> Any:
    return client.execute_command(*taking.command(LISTS))


def write_down(client: redis.Redis, taking: Taking) -> None:
    with client.pipeline() as pipe:
        taking.forget(pipe)
        pipe.execute()


def test_it_takes_the_oldest_of_the_first_list_that_has_one(redis_client: redis.Redis) -> None:
    redis_client.lpush("work\x06\x163", "later")
    redis_client.lpush("work", "first", "second\nof two lines")
    taking = Taking("t", 60)
    taken = [take(redis_client, taking) for _ in range(4)]
    assert taken == [[b"work", b"first"], [b"work", b"second\nof two lines"], [b"work\x06\x163", b"later"], None]


def test_what_was_not_written_down_comes_back_to_the_front_of_its_list(redis_client: redis.Redis) -> None:
    redis_client.lpush("work\x06\x163", "one\nof two lines", "two")
    taking = Taking("t", 0.05)
    assert take(redis_client, taking)[1] == b"one\nof two lines"
    time.sleep(0.1)
    assert take(redis_client, taking)[1] == b"one\nof two lines"


def test_what_was_written_down_does_not(redis_client: redis.Redis) -> None:
    redis_client.lpush("work", "one", "two")
    taking = Taking("t", 0.05)
    take(redis_client, taking)
    write_down(redis_client, taking)
    time.sleep(0.1)
    assert take(redis_client, taking)[1] == b"two"
    write_down(redis_client, taking)
    assert take(redis_client, taking) is None
    assert redis_client.keys("t:*") == []


def test_another_consumer_puts_back_what_one_has_not_written_down(redis_client: redis.Redis) -> None:
    redis_client.lpush("work", "one")
    take(redis_client, Taking("t", 0.05))
    time.sleep(0.1)
    assert take(redis_client, Taking("t", 0.05))[1] == b"one"


def test_it_pauses_where_nothing_comes(redis_client: redis.Redis) -> None:
    taking = Taking("t", 60)
    assert not taking.pauses()
    assert take(redis_client, taking) is None
    taking.nothing_came()
    assert taking.pauses()
    time.sleep(0.1)
    assert not taking.pauses()


def consumer_of(redis_url: str) -> Connection:
    """A connection as Celery's consumer has it."""
    stem = f"{Transport.__module__}:{Transport.__name__}"
    return Connection(redis_url, transport=stem, transport_options={"our_queues": ["work"], "key_prefix": "t"})


def test_a_task_held_by_a_channel_that_is_cut_off_comes_again(
    redis_url: str, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kombu has nothing to go by then: an error that is none of the connection's would end the worker."""
    monkeypatch.setattr(QoS, "owed", set())
    with Celery(broker=redis_url) as producer:
        producer.send_task("message.assign", args=[{}], queue="work")
    with consumer_of(redis_url) as broken, consumer_of(redis_url) as mended:
        held = broken.default_channel
        tag = held.basic_get("work").delivery_tag
        broken.transport.client = None
        for end in (lambda: held.qos.ack(tag), lambda: held.qos.reject(tag, requeue=True), held.qos.restore_unacked):
            with pytest.raises(CONNECTION_ERRORS):
                end()
        assert redis_client.llen("work") == 0
        mended.default_channel.qos.give_back_owed()
        assert redis_client.llen("work") == 1
