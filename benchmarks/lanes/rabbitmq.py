"""Celery's and our lanes on RabbitMQ. What is published goes to a quorum queue in all of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import amqp

from benchmarks.documents import TaskMessages, as_json, message, numbered
from benchmarks.drain import Drained, off_queue, on_queue
from benchmarks.lanes.lane import Lane
from benchmarks.lanes.limits import CONFIRM_S, TRIP, Confirms
from benchmarks.lanes.ours_redis import batches
from benchmarks.lanes.stock_redis import FORWARD, NOOP, PREFORK, SOLO, celery_program
from benchmarks.process import Program
from benchmarks.services import STOCK_DISPATCH, STOCK_QUEUE, Services

BESIDE = ("amqp-celery-publish",)


def publish(services: Services, queue: str, messages: Iterable[amqp.Message]) -> None:
    """Publish with one confirm wait per 1,000."""
    assert services.rabbitmq is not None
    with services.rabbitmq.connect() as connection:
        channel, confirms = connection.channel(), Confirms()
        channel.confirm_select()
        channel.events["basic_ack"].add(confirms.on_ack)
        for number, each in enumerate(messages, 1):
            confirms.expect(1)
            channel.basic_publish(each, "", queue)
            while number % TRIP == 0 and confirms.missing:
                connection.drain_events(timeout=CONFIRM_S)
        while confirms.missing:
            connection.drain_events(timeout=CONFIRM_S)


def plain(document: bytes) -> amqp.Message:
    """A persistent JSON message."""
    return amqp.Message(document, content_type="application/json", delivery_mode=2)


def fill_messages(services: Services, numbers: range, queue: str) -> None:
    """Single messages as JSON."""
    assert services.rabbitmq is not None
    services.rabbitmq.declare_ours(services.deployment("RabbitMQ"))
    publish(services, queue, (plain(as_json(message(number))) for number in numbers))


def fill_campaign(services: Services, numbers: range, queue: str) -> None:
    """A campaign of as many recipients."""
    assert services.rabbitmq is not None
    services.rabbitmq.declare_ours(services.deployment("RabbitMQ"))
    publish(services, queue, (plain(as_json(each)) for each in map(*batches(numbers))))


def fill_celery(task: str, services: Services, numbers: range, queue: str) -> None:
    """One task for each message, on a classic queue as Celery declares it."""
    assert services.rabbitmq is not None
    services.rabbitmq.declare(STOCK_QUEUE, quorum=False)
    services.rabbitmq.declare(STOCK_DISPATCH, quorum=True)
    tasks = TaskMessages.like(task, STOCK_QUEUE, message(0))
    publish(services, queue, tasks.on_amqp(numbered(message, numbers)))


def ours(services: Services) -> Program:
    """Our worker on RabbitMQ."""
    return services.ours(services.deployment("RabbitMQ"))


def noop(*options: str) -> Drained:
    """Celery's no-op."""
    fill = partial(fill_celery, NOOP)
    return Drained("RabbitMQ", STOCK_QUEUE, fill, celery_program("RabbitMQ", *options), off_queue(STOCK_QUEUE))


def publishing(*options: str) -> Drained:
    """The Celery task that publishes one enriched message and waits for its confirm."""
    fill = partial(fill_celery, FORWARD)
    return Drained("RabbitMQ", STOCK_QUEUE, fill, celery_program("RabbitMQ", *options), on_queue(STOCK_DISPATCH))


DISPATCHED = on_queue("bench.dispatch")
INGRESS = Drained("RabbitMQ", "bench.ingress", fill_messages, ours, DISPATCHED)
CAMPAIGNS = Drained("RabbitMQ", "bench.ingress.campaigns", fill_campaign, ours, DISPATCHED)

LANES = (
    Lane(
        "amqp-celery-publish",
        "Celery task that publishes with confirms, prefork 1",
        "RabbitMQ",
        2_500,
        publishing(*PREFORK),
    ),
    Lane("amqp-celery-publish-solo", "the same, solo", "RabbitMQ", 2_500, publishing(*SOLO), BESIDE),
    Lane("amqp-celery-noop", "Celery no-op, prefork 1", "RabbitMQ", 6_000, noop(*PREFORK), BESIDE),
    Lane("amqp-celery-noop-solo", "Celery no-op, solo", "RabbitMQ", 10_000, noop(*SOLO), BESIDE),
    Lane("amqp-ingress", "single messages as JSON", "RabbitMQ", 24_000, INGRESS, BESIDE, ours=True),
    Lane(
        "amqp-campaigns",
        "campaign batches of 1,000 as JSON",
        "RabbitMQ",
        40_000,
        CAMPAIGNS,
        (*BESIDE, "amqp-bare", "amqp-joined"),
        ours=True,
    ),
)
