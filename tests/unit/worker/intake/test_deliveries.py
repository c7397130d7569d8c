"""Deliveries on RabbitMQ that come again, and campaign batches that must wait for SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import amqp
import pytest

from core.errors import StoreUnavailableError
from worker.handoff.broker import PoolWork
from worker.handoff.campaigns import BatchAttempt, BatchResult, BatchWork
from worker.intake.deliveries import delivered_before
from worker.rabbitmq_broker.campaigns import RabbitBatches
from worker.rabbitmq_broker.deliveries import Delivery, read_delivery
from worker.rabbitmq_broker.outgoing import AGAIN, DEFER_PAUSE_S, Outgoing
from worker.settings import Settings


def delivery(body: bytes = b"{}", *, redelivered: bool = False, **properties: Any) -> Delivery:
    raw = amqp.Message(body, **properties)
    raw.delivery_info = {"delivery_tag": 1, "redelivered": redelivered}
    return read_delivery(raw)


def fifth(_: bytes) -> int:
    return 5


@pytest.mark.parametrize(
    ("came", "before"),
    [
        (delivery(), 0),
        (delivery(redelivered=True), 5),
        (delivery(redelivered=True, application_headers={"x-delivery-count": 2}), 2),
        (delivery(application_headers={"x-delivery-count": 1000}), 0),
        (delivery(message_id=AGAIN), 0),
    ],
    ids=[
        "the first time",
        "again",
        "again, counted by its queue",
        "counted by its producer",
        "enqueued again by a worker",
    ],
)
def test_it_counts_how_often_a_document_came(came: Delivery, before: int) -> None:
    assert delivered_before(came, b"{}", fifth) == before


@pytest.mark.parametrize("came", [delivery(redelivered=True), delivery(message_id=AGAIN)])
def test_what_comes_again_may_have_been_settled_in_part(came: Delivery) -> None:
    assert came.came_before
    assert not delivery(message_id="m1").came_before


class WaitingWork(BatchWork):
    """Work on batches while SQL is away."""

    def __init__(self) -> None:
        pass

    def on_document(self, attempt: BatchAttempt, document: bytes, *, gives_way: bool = False) -> BatchResult:
        raise StoreUnavailableError("away")


@dataclass
class Sent:
    messages: list[Outgoing] = field(default_factory=list)

    def publish(self, messages: Sequence[Outgoing], partly: object = None) -> None:
        self.messages += messages


def test_a_batch_that_waits_for_sql_is_enqueued_again_and_blamed_for_nothing() -> None:
    sent, slept = Sent(), list[float]()
    settings = Settings(broker_url="amqp://")
    batches = RabbitBatches(WaitingWork(), sent, settings, slept.append)
    counts = batches.on_work(PoolWork("delivery-1", [b'{"batch": 1}']))
    assert counts["deferred"] == 1
    assert sent.messages == [Outgoing(settings.campaign_ingress_queue, b'{"batch": 1}', AGAIN)]
    assert slept == [DEFER_PAUSE_S]


def test_a_task_of_celery_waits_for_sql_by_its_own_retries() -> None:
    with pytest.raises(StoreUnavailableError):
        RabbitBatches(WaitingWork(), Sent(), Settings(broker_url="amqp://")).on_task("t1", b"{}")
