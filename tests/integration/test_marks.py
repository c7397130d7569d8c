"""Marks on a real Redis: two copies of a message are one dispatch, and what was only reserved is not lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from tests.support.services import free_port
from worker.handoff.keys import Keys
from worker.intake.deliveries import DeliveryCounts
from worker.rabbitmq_broker.marks import RESERVED_MS, Marks
from worker.settings import Settings

pytestmark = [pytest.mark.redis]

SETTINGS = Settings()
A, B, C = (name.ljust(14).encode() for name in "abc")


def must_not_wait(_: float) -> None:
    raise AssertionError("waited")


@pytest.fixture
def marks(redis_client: redis.Redis) -> Marks:
    return Marks(redis_client, SETTINGS, must_not_wait)


def waiting(client: redis.Redis, *then: Callable[[], object]) -> Marks:
    """Another worker's marks; each time that it waits, the next of `then` happens."""
    happens = iter(then)
    return Marks(client, SETTINGS, lambda _: next(happens)() and None)


def test_it_knows_what_was_dispatched(marks: Marks) -> None:
    assert marks.reserve([A, B]) == set()
    marks.remember([A, B])
    assert marks.reserve([C, B, A]) == {1, 2}


def test_it_knows_repeats_of_one_batch(marks: Marks) -> None:
    assert marks.reserve([A, B, A, A]) == {2, 3}


def test_it_waits_for_another_that_is_dispatching_a_copy(marks: Marks, redis_client: redis.Redis) -> None:
    marks.reserve([A])
    other = waiting(redis_client, lambda: marks.remember([A]))
    assert other.reserve([A, B]) == {0}


def test_it_reserves_nothing_while_it_waits(marks: Marks, redis_client: redis.Redis) -> None:
    # Each holds what the other wants next: had the waiting one kept B, both would wait until the end.
    marks.reserve([A])
    other = waiting(redis_client, lambda: marks.reserve([B]), lambda: marks.remember([A, B]))
    assert other.reserve([B, A]) == {0, 1}


def test_it_loses_nothing_that_a_dead_worker_had_reserved(marks: Marks, redis_client: redis.Redis) -> None:
    marks.reserve([A, B])
    reborn = Marks(redis_client, SETTINGS, must_not_wait)
    assert reborn.reserve([C, A, B], redelivered=[1, 2]) == set()


def test_it_waits_for_a_dead_worker_no_longer_than_the_reservation(marks: Marks, redis_client: redis.Redis) -> None:
    marks.reserve([A])
    key, (seconds, _) = Keys(SETTINGS.key_prefix).reserved, redis_client.time()  # type: ignore[misc]
    until = redis_client.zscore(key, A)
    assert isinstance(until, float)
    assert until <= (seconds + 1) * 1000 + RESERVED_MS
    copy = waiting(redis_client, lambda: redis_client.zadd(key, {A: seconds * 1000 - 1}))
    assert copy.reserve([A]) == set()


def test_it_takes_thousands_at_once(marks: Marks) -> None:
    many = [b"%014d" % number for number in range(10_000)]
    assert marks.reserve(many, redelivered=range(5000, 10_000)) == set()
    marks.remember(many)
    assert marks.reserve(many) == set(range(10_000))


def test_it_counts_redeliveries_of_one_document(redis_client: redis.Redis) -> None:
    counts = DeliveryCounts(redis_client, "smart-assign")
    assert [counts.count(document) for document in (b"1", b"2", b"1", b"1")] == [1, 1, 2, 3]


def test_it_stops_nothing_while_redis_is_away() -> None:
    with redis.Redis(port=free_port()) as away:
        marks, counts = Marks(away, SETTINGS, must_not_wait), DeliveryCounts(away, "smart-assign")
        assert (marks.reserve([A, B, A]), counts.count(b"1")) == ({2}, 0)
        marks.remember([A])
