"""Events on a Redis list: in kombu's envelope, and never more than were allowed."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

import fakeredis
import pytest

from worker.envelopes.sealing import Sealer
from worker.handoff.errors import NotConfirmedError
from worker.handoff.keys import Keys
from worker.rabbitmq_broker.events import EventOutbox
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


class Publisher:
    """Takes what is published, or fails."""

    def __init__(self) -> None:
        self.taken: list[Outgoing] = []
        self.fails = False

    def publish(self, messages: Sequence[Outgoing], partly: object = None) -> None:
        if self.fails:
            raise NotConfirmedError("none was taken")
        self.taken += messages


def written(client: fakeredis.FakeRedis, *events: bytes) -> None:
    """As a script writes them."""
    sealed = Sealer("any").seal(events, [b"" for _ in events])
    client.lpush(Keys("smart-assign").event_outbox, *sealed)


def test_it_takes_events_to_the_other_broker_once(client: fakeredis.FakeRedis) -> None:
    publisher = Publisher()
    outbox = EventOutbox(client, publisher, Settings())
    written(client, b"1", b"2")
    assert (outbox.flush(), outbox.flush()) == (2, 0)
    written(client, b"3")
    outbox.flush()
    assert [(each.queue, each.body) for each in publisher.taken] == [
        ("smart-assign.events", n) for n in (b"1", b"2", b"3")
    ]
    assert len({each.message_id for each in publisher.taken}) == 3
    assert client.keys() == []


def test_it_keeps_events_that_were_not_taken(client: fakeredis.FakeRedis) -> None:
    publisher = Publisher()
    outbox = EventOutbox(client, publisher, Settings())
    written(client, b"1")
    publisher.fails = True
    with pytest.raises(NotConfirmedError):
        outbox.flush()
    publisher.fails = False
    assert (outbox.flush(), len(publisher.taken)) == (1, 1)


def test_it_leaves_events_to_the_process_that_sends_them(client: fakeredis.FakeRedis) -> None:
    inner = EventOutbox(client, Publisher(), Settings())

    class Meanwhile(Publisher):
        def publish(self, messages: Sequence[Outgoing], partly: object = None) -> None:
            assert inner.flush() == 0
            written(client, b"2")
            super().publish(messages)

    publisher = Meanwhile()
    written(client, b"1")
    assert EventOutbox(client, publisher, Settings()).flush() == 1
    assert [each.body for each in publisher.taken] == [b"1"]
    assert client.llen(Keys("smart-assign").event_outbox) == 1
