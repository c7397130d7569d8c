"""Joined frames are AMQP like any other: py-amqp reads back every message, and what is not taken is told."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import amqp
import pytest

from tests.support.running_worker import Deployment
from tests.support.stock_clients import amqp_connection
from worker.handoff.errors import NotConfirmedError
from worker.queues import our_queues
from worker.rabbitmq_broker.outgoing import Outgoing
from worker.rabbitmq_broker.publisher import ConfirmedPublisher
from worker.settings import Settings

pytestmark = [pytest.mark.rabbitmq]


@pytest.fixture
def settings(rabbitmq_url: str) -> Iterator[Settings]:
    stem = f"t{uuid.uuid4().hex[:8]}"
    names = {f"{name}_queue": f"{stem}.{name}" for name in ("ingress", "messages", "campaigns", "work", "dispatch")}
    more = {f"{name}_queue": f"{stem}.{name}" for name in ("campaign_ingress", "parked", "events")}
    made = Settings.model_validate({"broker_url": rabbitmq_url, **names, **more})
    yield made
    with amqp_connection(Deployment(rabbitmq_url, "", "")) as connection:
        for queue in our_queues(made):
            connection.channel().queue_delete(queue)


@pytest.fixture
def publisher(settings: Settings) -> Iterator[ConfirmedPublisher]:
    made = ConfirmedPublisher(settings.broker_url or "", settings)
    yield made
    made.close()


def read(settings: Settings, queue: str) -> list[amqp.Message]:
    """All messages of a queue by py-amqp, once those published have become ready."""
    messages = []
    with amqp_connection(Deployment(settings.broker_url or "", "", "")) as connection:
        channel = connection.channel()
        while (message := channel.basic_get(queue, no_ack=True)) is not None:
            messages.append(message)
    return messages


def test_it_publishes_bodies_of_every_size(publisher: ConfirmedPublisher, settings: Settings) -> None:
    bodies = [b"", b"{}", b"x" * 131_063, b"y" * 131_064, b"z" * 131_065, bytes(range(256)) * 2000]
    queue = settings.dispatch_queue
    publisher.publish([Outgoing(queue, body, f"id-{place}") for place, body in enumerate(bodies)])
    came = read(settings, queue)
    assert [_bytes(message.body) for message in came] == bodies
    assert [message.properties["message_id"] for message in came] == [f"id-{n}" for n in range(len(bodies))]
    assert {message.properties["delivery_mode"] for message in came} == {2}
    assert {message.properties["content_type"] for message in came} == {"application/json"}


def _bytes(body: bytes | str) -> bytes:
    # py-amqp gives a text where the body is one in its content encoding.
    return body if isinstance(body, bytes) else body.encode()


def test_it_confirms_thousands_for_two_queues(publisher: ConfirmedPublisher, settings: Settings) -> None:
    queues = (settings.dispatch_queue, settings.parked_queue)
    for _ in range(3):
        publisher.publish([Outgoing(queues[place % 2], b"%d" % place) for place in range(1000)])
    assert [len(read(settings, queue)) for queue in queues] == [1500, 1500]


def test_it_tells_that_a_message_has_nowhere_to_go(publisher: ConfirmedPublisher, settings: Settings) -> None:
    with pytest.raises(NotConfirmedError):
        publisher.publish([Outgoing("nobody-declared-this", b"{}")])
    publisher.publish([Outgoing(settings.dispatch_queue, b"{}")])
    assert len(read(settings, settings.dispatch_queue)) == 1


def declare_full(settings: Settings, at_most: int) -> None:
    """A dispatch queue that takes no more than so many."""
    arguments = {"x-queue-type": "classic", "x-max-length": at_most, "x-overflow": "reject-publish"}
    with amqp_connection(Deployment(settings.broker_url or "", "", "")) as connection:
        connection.channel().queue_declare(
            settings.dispatch_queue, durable=True, auto_delete=False, arguments=arguments
        )


def test_it_waits_for_a_queue_that_takes_no_more_and_sends_nothing_twice(settings: Settings) -> None:
    declare_full(settings, 40)
    came: list[str] = []
    told: list[int] = []

    def make_room(_: float) -> None:
        came.extend(message.properties["message_id"] for message in read(settings, settings.dispatch_queue))

    publisher = ConfirmedPublisher(settings.broker_url or "", settings, sleep=make_room)
    messages = [Outgoing(settings.dispatch_queue, b"{}", f"m{n}") for n in range(200)]
    publisher.publish([Outgoing(settings.parked_queue, b"{}"), *messages], told.extend)
    make_room(0)
    publisher.close()
    assert sorted(came) == sorted(f"m{n}" for n in range(200))
    assert len(told) == len(set(told)) >= 40
    assert len(read(settings, settings.parked_queue)) == 1


def test_it_says_that_a_queue_stays_full(settings: Settings) -> None:
    declare_full(settings, 5)
    pauses: list[float] = []
    publisher = ConfirmedPublisher(settings.broker_url or "", settings, waits_s=3, sleep=pauses.append)
    with pytest.raises(NotConfirmedError, match=f"messages were not taken by {settings.dispatch_queue}"):
        publisher.publish([Outgoing(settings.dispatch_queue, b"{}") for _ in range(50)])
    publisher.close()
    assert 3 <= sum(pauses) <= 5


def test_it_declares_a_queue_anew_that_was_deleted(publisher: ConfirmedPublisher, settings: Settings) -> None:
    queues = (settings.dispatch_queue, settings.parked_queue)
    publisher.publish([Outgoing(queue, b"1") for queue in queues])
    with amqp_connection(Deployment(settings.broker_url or "", "", "")) as connection:
        connection.channel().queue_delete(settings.dispatch_queue)
    publisher.publish([Outgoing(queues[place % 2], b"2") for place in range(20)])
    assert [len(read(settings, queue)) for queue in queues] == [10, 11]
