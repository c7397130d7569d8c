"""What the brokers themselves take: a bare client that only pushes enriched messages, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import amqp
import psutil

from benchmarks.drain import broker_process
from benchmarks.figures import Run, cpu_between
from benchmarks.lanes.lane import Lane
from benchmarks.lanes.ours_redis import BESIDE
from benchmarks.process import MeasurementError, cpu_of
from benchmarks.programs.enriched import SEALED, enriched
from benchmarks.services import STOCK_DISPATCH, Services
from worker.rabbitmq_broker.frames import PublishFrames

TRIP = 1_000
CONFIRM_S = 60.0


def pushed(broker: str, push: Callable[[Services, int], Iterator[None]], services: Services, messages: int) -> Run:
    """Push messages in trips of 1,000; the first trip is not counted."""
    services.clear()
    server: psutil.Process | None = broker_process(services, broker)
    trips = push(services, messages // TRIP + 1)
    next(trips)
    broker_cpu, cpu, at = cpu_of(server), time.process_time(), time.perf_counter()
    for _ in trips:
        pass
    seconds, cpu = time.perf_counter() - at, time.process_time() - cpu
    after = cpu_of(server)
    return Run(messages // TRIP * TRIP, seconds, cpu, cpu_between(broker_cpu, after) if after else None)


def pipeline(services: Services, trips: int) -> Iterator[None]:
    """A thousand LPUSH a trip."""
    for _ in range(trips):
        with services.client.pipeline(transaction=False) as pipe:
            for _ in range(TRIP):
                pipe.lpush(STOCK_DISPATCH, SEALED)
            pipe.execute()
        yield


def one_command(services: Services, trips: int) -> Iterator[None]:
    """One LPUSH of a thousand values a trip."""
    values = [SEALED] * TRIP
    for _ in range(trips):
        services.client.lpush(STOCK_DISPATCH, *values)
        yield


def confirmed(services: Services, trips: int) -> Iterator[None]:
    """A thousand persistent messages to a quorum queue, written by py-amqp, then one wait for their confirms."""
    body = enriched()

    def send(channel: amqp.Channel) -> None:
        for _ in range(TRIP):
            message = amqp.Message(body, content_type="application/json", delivery_mode=2, message_id="d" * 32)
            channel.basic_publish(message, "", STOCK_DISPATCH)

    return _confirmed(services, trips, send)


def joined(services: Services, trips: int) -> Iterator[None]:
    """The same with all frames made beforehand, and joined: nothing is left but the socket and the broker."""
    messages = [(enriched(), "d" * 32)] * TRIP
    pieces: list[bytes] = []

    def send(channel: amqp.Channel) -> None:
        if not pieces:
            frame_max = channel.connection.frame_max
            writer = PublishFrames(
                channel.channel_id, STOCK_DISPATCH, content_type="application/json", frame_max=frame_max
            )
            pieces.extend(writer.write(messages))
        for piece in pieces:
            channel.connection.transport.write(piece)

    return _confirmed(services, trips, send)


def _confirmed(services: Services, trips: int, send: Callable[[amqp.Channel], None]) -> Iterator[None]:
    assert services.rabbitmq is not None
    services.rabbitmq.declare(STOCK_DISPATCH, quorum=True)
    with services.rabbitmq.connect() as connection:
        channel, confirms = connection.channel(), Confirms()
        channel.confirm_select()
        channel.events["basic_ack"].add(confirms.on_ack)
        for _ in range(trips):
            confirms.expect(TRIP)
            send(channel)
            while confirms.missing:
                connection.drain_events(timeout=CONFIRM_S)
            yield


class Confirms:
    """Delivery tags that the broker has not confirmed."""

    def __init__(self) -> None:
        self.missing: set[int] = set()
        self._sent = 0
        #: No earlier tag is missing.
        self._first = 1

    def expect(self, count: int) -> None:
        """So many more are being sent."""
        self.missing.update(range(self._sent + 1, self._sent + count + 1))
        self._sent += count

    def on_ack(self, delivery_tag: int, multiple: bool) -> None:
        """One is confirmed, or all up to it."""
        if multiple:
            self.missing.difference_update(range(self._first, delivery_tag + 1))
            self._first = delivery_tag + 1
        else:
            self.missing.discard(delivery_tag)
        if delivery_tag > self._sent:
            raise MeasurementError(f"the broker confirmed {delivery_tag} of {self._sent} messages")


LANES = (
    Lane(
        "limit-pipeline", "limit: pipeline of 1,000 LPUSH", "Redis", 200_000, partial(pushed, "Redis", pipeline), BESIDE
    ),
    Lane(
        "limit-lpush",
        "limit: one LPUSH of 1,000 values",
        "Redis",
        300_000,
        partial(pushed, "Redis", one_command),
        BESIDE,
    ),
)
AMQP_LANES = (
    Lane(
        "amqp-bare",
        "limit: bare py-amqp, one confirm wait per 1,000",
        "RabbitMQ",
        30_000,
        partial(pushed, "RabbitMQ", confirmed),
        ("amqp-celery-publish",),
    ),
    Lane(
        "amqp-joined",
        "limit: the same, frames made beforehand and joined",
        "RabbitMQ",
        60_000,
        partial(pushed, "RabbitMQ", joined),
        ("amqp-celery-publish",),
    ),
)
