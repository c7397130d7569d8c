"""What is published of senders, as decisions read it. Redis is a fake one."""

from __future__ import annotations

from datetime import UTC, datetime

import fakeredis
import msgspec
import pytest

from core.cache.breaker import BREAKER_S, Breaker
from core.sender import Evidence, SenderType
from core.trust.keys import SenderKey, TrustKeys, parsed_key
from core.trust.published import Published, RedisEvidence

KEYS = TrustKeys("sa")
ACME = ("acme", "AU")


@pytest.fixture
def server() -> fakeredis.FakeServer:
    return fakeredis.FakeServer()


def publish(server: fakeredis.FakeServer, name: str, record: bytes) -> None:
    fakeredis.FakeRedis(server=server).hset(KEYS.published(*ACME), name, record)  # type: ignore[arg-type]


def test_it_reads_what_is_published(server: fakeredis.FakeServer) -> None:
    record = Published(trust=95, unhealthy=False, delivered=97.2, messages=12_400, as_of=1785585600.0)
    publish(server, "longcode/6140", msgspec.json.encode(record))
    found = RedisEvidence(fakeredis.FakeRedis(server=server), "sa").find({ACME, (None, "AU")})
    as_of = datetime(2026, 8, 1, 12, tzinfo=UTC)
    assert found == {ACME: {"longcode/6140": Evidence(95, False, 97.2, 12_400, "days", as_of)}}


def test_it_takes_what_a_newer_version_wrote_for_nothing(server: fakeredis.FakeServer) -> None:
    publish(server, "longcode/6140", b'{"rate": 1}')
    assert RedisEvidence(fakeredis.FakeRedis(server=server), "sa").find({ACME}) == {ACME: {}}


def test_it_leaves_redis_alone_for_a_while_when_it_is_away(server: fakeredis.FakeServer) -> None:
    now = [0.0]
    evidence = RedisEvidence(fakeredis.FakeRedis(server=server), "sa", Breaker(clock=lambda: now[0]))
    server.connected = False
    assert evidence.find({ACME}) is None
    server.connected = True
    assert evidence.find({ACME}) is None
    now[0] = BREAKER_S
    assert evidence.find({ACME}) == {}


@pytest.mark.parametrize("owner", [None, "acme", 'a:b/"c'])
def test_it_tells_senders_apart_by_their_keys(owner: str | None) -> None:
    key = SenderKey(owner, "AU", SenderType.SHARED_LONGCODE, "")
    assert parsed_key(key.text.encode()) == key
    assert KEYS.published(owner, "AU") != KEYS.published("null", "AU")
