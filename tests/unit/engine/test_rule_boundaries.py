"""A rule that changes at midnight changes decisions at midnight: no restart, no raised epoch, no cache left over."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import fakeredis
import pytest

from core.cache.decisions import DecisionCache
from core.engine.country_rules import RuleBook, RuleStatus
from core.engine.decision import AccountProblem, Facts, Policy, Request
from core.messages.assigner import Assigner
from core.sender import Registration, RegistrationStatus, Sender, SenderType
from tests.support.worlds import book, name, number, rule, sender_named

MIDNIGHT = datetime(2026, 8, 2, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
EARLIER = MIDNIGHT - timedelta(hours=1)
AU = Request("acme", None, "AU")

REFUSED_FROM_MIDNIGHT = book(
    rule(SenderType.LONGCODE, effective_until=MIDNIGHT),
    rule(SenderType.LONGCODE, RuleStatus.BLOCKED, effective_from=MIDNIGHT),
    rule(SenderType.ALPHA_TAG),
)
REGISTRATION = Registration("AU", RegistrationStatus.APPROVED, valid_until=MIDNIGHT)


class Store:
    """SQL's side; nothing in it changes, so that no epoch is ever raised."""

    def __init__(self, rules: RuleBook, senders: tuple[Sender, ...]) -> None:
        self._rules, self._senders, self.loads = rules, senders, 0

    def load_facts(self, requests: Sequence[Request]) -> Mapping[Request, Facts | AccountProblem]:
        self.loads += 1
        return {request: Facts(self._senders) for request in requests}

    def save_decisions(self, decisions: Mapping[str, bytes], now: datetime) -> None:
        pass

    def active_rules(self) -> RuleBook:
        return self._rules

    def epochs(self, scopes: Iterable[str]) -> Mapping[str, int]:
        return {}


class World:
    """Workers on one Redis; the clock of decisions moves, that of epochs stands still."""

    def __init__(self, rules: RuleBook, *senders: Sender) -> None:
        self.store, self.server = Store(rules, senders), fakeredis.FakeServer()

    def worker(self) -> DecisionCache:
        return DecisionCache(
            self.store,
            fakeredis.FakeRedis(server=self.server),
            Policy(),
            prefix="sa",
            size=100,
            clock=lambda: 1000.0,
        )


@pytest.fixture
def world() -> World:
    return World(REFUSED_FROM_MIDNIGHT, number(), name())


def sender(cache: DecisionCache, now: datetime) -> str | None:
    return sender_named(cache.verdicts([AU], now)[AU])


def test_it_keeps_a_decision_until_the_last_instant(world: World) -> None:
    worker = world.worker()
    assert sender(worker, EARLIER) == "+61400000001"
    assert sender(worker, MIDNIGHT - INSTANT) == "+61400000001"
    assert world.store.loads == 1


def test_it_forgets_at_midnight_what_the_process_holds(world: World) -> None:
    worker = world.worker()
    sender(worker, MIDNIGHT - INSTANT)
    assert sender(worker, MIDNIGHT) == "Acme"


def test_it_forgets_at_midnight_what_redis_holds(world: World) -> None:
    """Redis, whose own clock does not move here, still has the old decision at midnight."""
    sender(world.worker(), EARLIER)
    assert sender(world.worker(), EARLIER) == "+61400000001"
    assert world.store.loads == 1, "the second worker reads it from Redis"
    assert sender(world.worker(), MIDNIGHT) == "Acme"


def test_it_shares_the_new_decision(world: World) -> None:
    sender(world.worker(), EARLIER)
    sender(world.worker(), MIDNIGHT)
    assert sender(world.worker(), MIDNIGHT + timedelta(minutes=1)) == "Acme"
    assert world.store.loads == 2


def test_it_keeps_nothing_in_redis_past_midnight(world: World) -> None:
    sender(world.worker(), MIDNIGHT - timedelta(seconds=30))
    client = fakeredis.FakeRedis(server=world.server)
    (key,) = [key for key in client.keys("sa:decision:*") if not key.endswith(b":lease")]
    assert 0 < client.pttl(key) <= 30_000


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param((number(expires_at=MIDNIGHT), name()), id="a sender's end"),
        pytest.param(
            (number(sender_type=SenderType.OWN_NUMBER, activated_at=MIDNIGHT - timedelta(days=365)), name()),
            id="an own number's year",
        ),
        pytest.param((name("First", registrations=(REGISTRATION,)), name()), id="a registration's end"),
    ],
)
def test_it_heeds_every_date_on_both_levels(ending: tuple[Sender, ...]) -> None:
    world = World(book(), *ending)
    worker = world.worker()
    before = sender(worker, EARLIER)
    assert before == sender(worker, MIDNIGHT - INSTANT)
    assert before in {"+61400000001", "First"}
    assert sender(worker, MIDNIGHT) == sender(world.worker(), MIDNIGHT) == "Acme"


def test_it_gives_messages_the_new_sender_at_midnight(world: World) -> None:
    now = [MIDNIGHT - INSTANT]
    assigner = Assigner(world.worker(), max_bytes=10_000, clock=lambda: now[0])
    document = json.dumps({"message_id": "1", "account_id": "acme", "to": "+61491570156", "body": "hello"}).encode()

    def assigned() -> str:
        (payload,) = assigner.assign([document]).payloads
        return str(json.loads(payload)["sender_id"])

    assert assigned() == "+61400000001"
    now[0] = MIDNIGHT
    assert assigned() == "Acme"
