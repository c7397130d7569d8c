"""Events on a Redis list: in kombu's envelope, and never more than were allowed."""

from __future__ import annotations

import base64
import json

import fakeredis
import pytest

from worker.events import RedisEvents
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
