"""RabbitMQ delivers once more what was parked just before a crash: it is the same entry, with the same notice."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import redis

from core.errors import FieldError
from core.messages.assigner import Assigner
from core.parked.store import ParkedDocument
from worker.handoff.broker import LaneWork, PoolWork
from worker.handoff.campaigns import BatchWork
from worker.handoff.chunks import Chunks
from worker.handoff.errors import NotConfirmedError
from worker.rabbitmq_broker.campaigns import RabbitBatches, RabbitHandOff
from worker.rabbitmq_broker.earlier import NOTED_FOR, EarlierWork
from worker.rabbitmq_broker.marks import Marks
from worker.rabbitmq_broker.messages import RabbitMessages
from worker.rabbitmq_broker.outgoing import Outgoing
from worker.settings import Settings

pytestmark = pytest.mark.redis

REFUSED = [FieldError("headers", "must name a task")]


@dataclass
class Kept:
    """A parked store and a RabbitMQ that fails as told."""

    ids: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    fails: bool = False

    def park(self, documents: Sequence[ParkedDocument]) -> None:
        self.ids += [each.parked_id for each in documents]

    def publish(self, messages: Sequence[Outgoing], partly: object = None) -> None:
        if self.fails:
            raise NotConfirmedError("it died")
        self.told += [json.loads(each.body)["parked_id"] for each in messages]

    def flush_or_wait(self) -> None:
        return


class NoAssigner(Assigner):
    """Nothing here comes so far."""

    def __init__(self) -> None:
        return


@pytest.fixture(params=["messages", "batches"])
def lane(request: pytest.FixtureRequest, redis_client: redis.Redis, kept: Kept) -> LaneWork:
    settings = Settings()
    earlier, marks = EarlierWork(redis_client, settings), Marks(redis_client, settings)
    if request.param == "messages":
        return RabbitMessages(NoAssigner(), kept, kept, marks, settings, earlier=earlier)
    chunks = Chunks(redis_client, settings)
    hand_off = RabbitHandOff(chunks, kept, kept, marks=marks, earlier=earlier, settings=settings)
    return RabbitBatches(BatchWork(NoAssigner(), chunks, hand_off, kept, settings), kept, settings)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def delivery(document: bytes, *, again: bool = False) -> PoolWork:
    return PoolWork(f"delivery-{uuid.uuid4().hex}", [document], redelivered=[0] if again else [], refused=REFUSED)


def test_it_parks_a_document_under_one_id_however_often_it_is_delivered(lane: LaneWork, kept: Kept) -> None:
    kept.fails = True
    with pytest.raises(NotConfirmedError):
        lane.on_work(delivery(b"what is this"))
    kept.fails = False
    lane.on_work(delivery(b"what is this", again=True))
    lane.on_work(delivery(b"what is this", again=True))
    assert len(set(kept.ids)) == 1
    assert set(kept.told) == set(kept.ids)


def test_it_parks_each_of_two_that_say_the_same(lane: LaneWork, kept: Kept) -> None:
    lane.on_work(delivery(b"what is this"))
    lane.on_work(delivery(b"what is this"))
    assert len(set(kept.ids)) == 2


def test_it_parks_what_it_does_not_know_any_more(lane: LaneWork, kept: Kept, redis_client: redis.Redis) -> None:
    lane.on_work(delivery(b"what is this"))
    (noted,) = redis_client.keys("*:parked-as:*")  # type: ignore[misc]  # redis-py's own type is wider
    assert timedelta(0) < timedelta(seconds=redis_client.ttl(noted)) <= NOTED_FOR  # type: ignore[arg-type]
    redis_client.delete(noted)
    lane.on_work(delivery(b"what is this", again=True))
    assert len(set(kept.ids)) == 2
