"""Events: in kombu's envelope on a Redis list, never more than were allowed; out of the outbox to either broker, each once."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import fakeredis
import pytest

from worker.envelopes.sealing import Sealer
from worker.handoff.chunks import Chunk, Chunks
from worker.handoff.errors import NotConfirmedError
from worker.handoff.event_outbox import EventOutbox, WaitingEvent
from worker.handoff.keys import Keys
from worker.handoff.settlement import Settlement
from worker.rabbitmq_broker.events import RabbitEvents
from worker.rabbitmq_broker.outgoing import Outgoing
from worker.redis_broker.events import RedisEvents
from worker.settings import Settings


@pytest.fixture
def client() -> fakeredis.FakeRedis:
    return fakeredis.FakeRedis()


def bodies(client: fakeredis.FakeRedis, settings: Settings) -> list[bytes]:
    """What a consumer reads, first to last."""
    kept = [json.loads(text) for text in reversed(client.lrange(settings.events_queue, 0, -1))]
    assert len({message["properties"]["delivery_tag"] for message in kept}) == len(kept)
    return [base64.b64decode(message["body"]) for message in kept]


def test_it_sends_events_in_order(client: fakeredis.FakeRedis) -> None:
    settings = Settings()
    events = RedisEvents(client, settings)
    events.send([b'{"n": 1}', b'{"n": 2}'])
    events.send([b'{"n": 3}'])
    assert bodies(client, settings) == [b'{"n": 1}', b'{"n": 2}', b'{"n": 3}']


def test_it_drops_the_oldest_beyond_the_limit(client: fakeredis.FakeRedis) -> None:
    settings = Settings(events_max_length=2)
    events = RedisEvents(client, settings)
    events.send([b"1", b"2", b"3"])
    assert bodies(client, settings) == [b"2", b"3"]


def test_it_sends_nothing_for_nothing(client: fakeredis.FakeRedis) -> None:
    RedisEvents(client, Settings()).send([])
    assert client.keys() == []


SETTINGS = Settings()
OUTBOX = Keys(SETTINGS.key_prefix).event_outbox


class Publisher:
    """Takes what is published, or fails."""

    def __init__(self) -> None:
        self.taken: list[Outgoing] = []
        self.fails = False

    def publish(self, messages: Sequence[Outgoing], partly: object = None) -> None:
        if self.fails:
            raise NotConfirmedError("none was taken")
        self.taken += messages


class Way(Protocol):
    """The way to the events queue of one broker."""

    queue: RedisEvents | RabbitEvents

    def arrived(self) -> list[tuple[str, bytes]]:
        """Id and document of what arrived, in order."""


class ToRedis:
    def __init__(self, client: fakeredis.FakeRedis) -> None:
        self._client, self.queue = client, RedisEvents(client, SETTINGS)

    def arrived(self) -> list[tuple[str, bytes]]:
        kept = [json.loads(text) for text in reversed(self._client.lrange(SETTINGS.events_queue, 0, -1))]
        return [(each["properties"]["message_id"], base64.b64decode(each["body"])) for each in kept]


class ToRabbitMQ:
    def __init__(self, client: fakeredis.FakeRedis) -> None:
        self.publisher = Publisher()
        self.queue = RabbitEvents(self.publisher, client, SETTINGS)

    def arrived(self) -> list[tuple[str, bytes]]:
        assert {each.queue for each in self.publisher.taken} <= {SETTINGS.events_queue}
        return [(str(each.message_id), each.body) for each in self.publisher.taken]


@pytest.fixture(params=[ToRedis, ToRabbitMQ])
def way(request: pytest.FixtureRequest, client: fakeredis.FakeRedis) -> Way:
    made: Way = request.param(client)
    return made


def completed(client: fakeredis.FakeRedis, campaign_id: str) -> None:
    """A campaign of one batch is settled, by a worker that then says nothing more."""
    chunk = Chunk(f"b-{campaign_id}", 0, 1, 1, f"w-{campaign_id}", account_id="acme", campaign_id=campaign_id)
    assert Chunks(client, SETTINGS).settle_chunk(
        replace(chunk, total_batches=1, at="2026-11-28T00:00:00Z"), Settlement()
    )


def written_before(client: fakeredis.FakeRedis, *events: bytes) -> None:
    """As the script of the version before writes them: in kombu's envelope."""
    client.lpush(OUTBOX, *Sealer("any").seal(events, [b"" for _ in events]))


def campaigns(way: Way) -> list[str]:
    return [json.loads(document)["campaign_id"] for _, document in way.arrived()]


def test_it_tells_once_of_campaigns_whose_worker_died_before_it_could(client: fakeredis.FakeRedis, way: Way) -> None:
    outbox = EventOutbox(client, way.queue, SETTINGS)
    completed(client, "c1")
    completed(client, "c2")
    assert (outbox.flush(), outbox.flush()) == (2, 0)
    completed(client, "c3")
    outbox.flush()
    assert campaigns(way) == ["c1", "c2", "c3"]
    assert len({event_id for event_id, _ in way.arrived()}) == 3
    assert client.llen(OUTBOX) == 0


def test_it_tells_of_what_the_version_before_wrote(client: fakeredis.FakeRedis, way: Way) -> None:
    written_before(client, b"1", b"2")
    assert EventOutbox(client, way.queue, SETTINGS).flush() == 2
    assert [document for _, document in way.arrived()] == [b"1", b"2"]


def test_it_sends_nothing_twice_that_two_workers_found(client: fakeredis.FakeRedis) -> None:
    # Such as where one stood still for longer than its lock is held.
    events = RedisEvents(client, SETTINGS)
    written_before(client, b"1")
    (record,) = client.lrange(OUTBOX, 0, -1)
    found = [WaitingEvent(record, "id", b"1")]
    events.send_waiting(found)
    events.send_waiting(found)
    assert bodies(client, SETTINGS) == [b"1"]


def test_it_drops_the_oldest_of_those_that_waited_too(client: fakeredis.FakeRedis) -> None:
    settings = Settings(events_max_length=2)
    written_before(client, b"1", b"2", b"3")
    EventOutbox(client, RedisEvents(client, settings), settings).flush()
    assert bodies(client, settings) == [b"2", b"3"]


def test_it_keeps_events_that_were_not_taken(client: fakeredis.FakeRedis) -> None:
    way = ToRabbitMQ(client)
    outbox = EventOutbox(client, way.queue, SETTINGS)
    completed(client, "c1")
    way.publisher.fails = True
    with pytest.raises(NotConfirmedError):
        outbox.flush()
    outbox.flush_or_wait()
    way.publisher.fails = False
    assert (outbox.flush(), campaigns(way)) == (1, ["c1"])


def test_it_leaves_events_to_the_process_that_sends_them(client: fakeredis.FakeRedis) -> None:
    inner = EventOutbox(client, ToRabbitMQ(client).queue, SETTINGS)

    class Meanwhile(Publisher):
        def publish(self, messages: Sequence[Outgoing], partly: object = None) -> None:
            assert inner.flush() == 0
            written_before(client, b"2")
            super().publish(messages)

    publisher = Meanwhile()
    written_before(client, b"1")
    assert EventOutbox(client, RabbitEvents(publisher, client, SETTINGS), SETTINGS).flush() == 1
    assert [each.body for each in publisher.taken] == [b"1"]
    assert client.llen(OUTBOX) == 1


def test_it_leaves_the_lock_of_another_alone(client: fakeredis.FakeRedis) -> None:
    lock = f"{OUTBOX}:flushing"

    class TakesTooLong(Publisher):
        def publish(self, messages: Sequence[Outgoing], partly: object = None) -> None:
            client.set(lock, "another's")
            super().publish(messages)

    written_before(client, b"1")
    assert EventOutbox(client, RabbitEvents(TakesTooLong(), client, SETTINGS), SETTINGS).flush() == 1
    assert client.get(lock) == b"another's"


def test_a_record_of_the_next_version_stays_for_it_and_keeps_nobody_back(client: fakeredis.FakeRedis, way: Way) -> None:
    client.lpush(OUTBOX, b'{"form": 2}')
    completed(client, "c1")
    outbox = EventOutbox(client, way.queue, SETTINGS)
    assert (outbox.flush(), outbox.flush()) == (1, 0)
    assert (campaigns(way), client.lrange(OUTBOX, 0, -1)) == (["c1"], [b'{"form": 2}'])


def test_what_rabbitmq_took_of_a_few_is_not_sent_again(client: fakeredis.FakeRedis) -> None:
    class TakesTheFirst(Publisher):
        def publish(self, messages: Sequence[Outgoing], partly: object = None) -> None:
            assert callable(partly)
            partly([0])
            raise NotConfirmedError("the rest was not taken")

    written_before(client, b"1", b"2")
    with pytest.raises(NotConfirmedError):
        EventOutbox(client, RabbitEvents(TakesTheFirst(), client, SETTINGS), SETTINGS).flush()
    way = ToRabbitMQ(client)
    EventOutbox(client, way.queue, SETTINGS).flush()
    assert [document for _, document in way.arrived()] == [b"2"]
