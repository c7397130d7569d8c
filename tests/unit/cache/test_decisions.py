"""Cached decisions: when SQL is asked, who computes, and what happens while a service is away. Redis is a fake one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import fakeredis
import pytest
import redis
import structlog

from core.cache.bounds import Bound, left_out
from core.cache.breaker import BREAKER_S
from core.cache.decisions import STORE_PAUSE_S, DecisionCache
from core.cache.epochs import EPOCH_TRUST_S, RedisEpochs
from core.cache.shared_verdicts import CLOCK_TOLERANCE_S, LEASE_MS
from core.cache.verdict import ParkVerdict
from core.engine.country_rules import RuleBook, RuleStatus
from core.engine.decision import AccountProblem, AlteredSenders, Facts, Policy, Request, SenderRef
from core.errors import ParkReason, StoreUnavailableError
from core.sender import SenderType
from core.storage.scopes import PLATFORM_SCOPE, RULES_SCOPE, account_scope
from tests.support.worlds import book, number, rule, sender_named

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
AU = Request("acme", None, "AU")
UNKNOWN = Request("nobody", None, "AU")
PREFIX = "sa"
MOST_A_DAY = 7


class Clock:
    """A clock that moves when told, or when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Store:
    """SQL's side: one sender for acme; counts the times that facts were loaded."""

    def __init__(self) -> None:
        self.senders = (number(),)
        self.rules = book(rule(SenderType.LONGCODE))
        self.loads = 0
        self.saved: list[str] = []
        self.left_out = False
        self.away = False
        self.evidence_away = False
        self.values: dict[str, int] = {}

    def load_facts(self, requests: Sequence[Request]) -> Mapping[Request, Facts | AccountProblem]:
        self._answer()
        self.loads += 1
        problem = AccountProblem(ParkReason.UNKNOWN_ACCOUNT, field="account_id", detail="no such account")
        return {
            request: Facts(self.senders, evidence_away=self.evidence_away) if request.account_id == "acme" else problem
            for request in requests
        }

    def save_decisions(self, decisions: Mapping[str, bytes], now: datetime) -> None:
        self._answer()
        self.saved += decisions

    def save_some_decisions(self, decisions: Mapping[str, bytes], now: datetime, most: int) -> set[str]:
        self._answer()
        assert most == MOST_A_DAY
        self.saved += [] if self.left_out else decisions
        return set(decisions) if self.left_out else set()

    def active_rules(self) -> RuleBook:
        self._answer()
        return self.rules

    def epochs(self, scopes: Iterable[str]) -> Mapping[str, int]:
        self._answer()
        return {scope: self.values[scope] for scope in scopes if scope in self.values}

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailableError("away")


class World:
    """Workers that share one Redis and one store."""

    def __init__(self) -> None:
        self.store, self.clock, self.server = Store(), Clock(), fakeredis.FakeServer()

    @property
    def client(self) -> redis.Redis:
        return fakeredis.FakeRedis(server=self.server)

    def worker(self, policy: Policy | None = None, size: int = 100) -> DecisionCache:
        return DecisionCache(
            self.store,
            self.client,
            policy or Policy(),
            prefix=PREFIX,
            size=size,
            most_a_day=MOST_A_DAY,
            sleep=self.clock.sleep,
            clock=self.clock,
        )

    def change(self, scope: str) -> None:
        """What a write does: commit, then publish the epoch."""
        self.store.values[scope] = self.store.values.get(scope, 0) + 1
        RedisEpochs(self.client, PREFIX).publish({scope: self.store.values[scope]})


@pytest.fixture
def world() -> World:
    return World()


def sender(cache: DecisionCache, request: Request = AU, now: datetime = NOW) -> str | None:
    return sender_named(cache.verdicts([request], now)[request])


def test_it_asks_sql_once(world: World) -> None:
    worker = world.worker()
    assert {sender(worker) for _ in range(5)} == {"+61400000001"}
    assert world.store.loads == 1
    assert len(world.store.saved) == 1


def test_it_shares_a_decision_between_workers(world: World) -> None:
    sender(world.worker())
    assert sender(world.worker()) == "+61400000001"
    assert world.store.loads == 1


@pytest.mark.parametrize("off_s", [60, -60], ids=["ahead", "behind"])
def test_it_decides_by_its_own_clock_where_another_workers_is_off(world: World, off_s: int) -> None:
    turn = NOW + timedelta(seconds=off_s / 2)
    before, after = (RuleStatus.ALLOWED, RuleStatus.BLOCKED) if off_s > 0 else (RuleStatus.BLOCKED, RuleStatus.ALLOWED)
    world.store.rules = book(
        rule(SenderType.LONGCODE, before, effective_until=turn),
        rule(SenderType.LONGCODE, after, effective_from=turn),
    )
    assert sender(world.worker(), now=NOW + timedelta(seconds=off_s)) is None
    assert sender(world.worker()) == "+61400000001"


def test_it_shares_with_a_worker_whose_clock_is_a_little_off(world: World) -> None:
    sender(world.worker(), now=NOW + timedelta(seconds=CLOCK_TOLERANCE_S))
    sender(world.worker())
    assert world.store.loads == 1


def test_it_shares_none_between_policies(world: World) -> None:
    sender(world.worker())
    sender(world.worker(Policy(altered_senders=AlteredSenders.FORBID)))
    assert world.store.loads == 2


@pytest.mark.parametrize("scope", [RULES_SCOPE, PLATFORM_SCOPE, account_scope("acme")])
def test_it_sees_a_change_within_a_second(world: World, scope: str) -> None:
    worker = world.worker()
    sender(worker)
    world.store.senders = (number("+61400000002"),)
    world.change(scope)
    world.clock.sleep(EPOCH_TRUST_S)
    assert sender(worker) == "+61400000002"


def test_it_asks_again_for_nobody_elses_change(world: World) -> None:
    worker = world.worker()
    sender(worker)
    world.change(account_scope("rival"))
    world.clock.sleep(EPOCH_TRUST_S)
    sender(worker)
    assert world.store.loads == 1


def test_it_keeps_nothing_past_the_end_of_a_sender(world: World) -> None:
    world.store.senders = (number(expires_at=NOW + timedelta(minutes=1)),)
    worker = world.worker()
    assert sender(worker) == "+61400000001"
    assert sender(worker, now=NOW + timedelta(seconds=59)) == "+61400000001"
    verdict = worker.verdicts([AU], NOW + timedelta(minutes=1))[AU]
    assert isinstance(verdict, ParkVerdict)
    assert verdict.park is ParkReason.NO_COMPLIANT_SENDER


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b'{"verdict":"park","park":"A_NEWER_REASON","detail":"x"}', id="a reason of a newer version"),
        pytest.param(b'{"verdict":"hold","shared":{}}', id="a verdict of a newer version"),
        pytest.param(b'{"shared":null,"park":"EXPIRED","detail":"x"}', id="a verdict of an older version"),
        pytest.param(b"\xff", id="no JSON"),
    ],
)
def test_it_decides_anew_where_it_cannot_read_what_is_shared(world: World, value: bytes) -> None:
    sender(world.worker())
    keys = list(world.client.scan_iter(f"{PREFIX}:decision:*"))
    assert len(keys) == 1
    world.client.set(keys[0], value)
    assert sender(world.worker()) == "+61400000001"
    assert world.store.loads == 2
    assert sender(world.worker()) == "+61400000001"
    assert world.store.loads == 2, "what was decided anew was not shared"


def test_it_parks_for_an_account_that_is_not_there(world: World) -> None:
    verdict = world.worker().verdicts([UNKNOWN], NOW)[UNKNOWN]
    assert isinstance(verdict, ParkVerdict)
    assert (verdict.park, verdict.field) == (ParkReason.UNKNOWN_ACCOUNT, "account_id")
    assert world.store.saved == []


def test_it_forgets_the_oldest_beyond_its_size(world: World) -> None:
    worker = world.worker(size=10)
    requests = [Request(f"a{n}", None, "AU") for n in range(25)]
    worker.verdicts(requests, NOW)
    assert len(worker._entries) == 10


def test_it_waits_for_who_computes_already(world: World) -> None:
    first, second = world.worker(), world.worker()
    keys = {AU: second._shared.key("any")}
    assert first._shared.take(keys, NOW.timestamp()) == ({}, {AU})
    assert second._shared.take(keys, NOW.timestamp()) == ({}, set())


def test_it_leases_nothing_that_is_known(world: World) -> None:
    worker = world.worker()
    verdict = worker.verdicts([AU], NOW)[AU]
    known, unknown = worker._shared.key("known"), worker._shared.key("unknown")
    worker._shared.write({AU: verdict}, {AU: known}, NOW.timestamp())
    found, mine = worker._shared.take({AU: known, UNKNOWN: unknown}, NOW.timestamp())
    assert (found, mine) == ({AU: verdict}, {UNKNOWN})
    assert [world.client.exists(f"{key}:lease") for key in (known, unknown)] == [0, 1]


def test_it_computes_anew_what_redis_has_kept_too_long(world: World) -> None:
    end = NOW + timedelta(minutes=1)
    world.store.senders = (number(expires_at=end),)
    worker = world.worker()
    sender(worker)
    marks = worker._marks([AU])
    key = worker._shared.key(f"{worker._policy_mark}{AU!r}{marks[AU]!r}")
    assert worker._shared.take({AU: key}, end.timestamp()) == ({}, {AU})


def test_it_computes_what_the_holder_of_a_lease_never_brought(world: World) -> None:
    dead, alive = world.worker(), world.worker()
    marks = alive._marks([AU])
    key = alive._shared.key(f"{alive._policy_mark}{AU!r}{marks[AU]!r}")
    dead._shared.take({AU: key}, NOW.timestamp())
    before = world.clock.now
    assert sender(alive) == "+61400000001"
    assert world.clock.now - before <= LEASE_MS / 1000 + 0.1
    assert world.store.loads == 1


def test_it_decides_from_sql_while_redis_is_away(world: World) -> None:
    world.server.connected = False
    worker = world.worker()
    assert sender(worker) == "+61400000001"
    assert sender(worker) == "+61400000001"


def test_it_sees_a_change_while_redis_is_away(world: World) -> None:
    world.server.connected = False
    worker = world.worker()
    sender(worker)
    world.store.senders = (number("+61400000002"),)
    world.store.values[account_scope("acme")] = 1
    world.clock.sleep(1.0)
    assert sender(worker) == "+61400000002"


def test_it_uses_redis_again_when_it_is_back(world: World) -> None:
    world.server.connected = False
    worker = world.worker()
    sender(worker)
    world.server.connected = True
    world.clock.sleep(BREAKER_S)
    sender(worker)
    assert sender(world.worker()) == "+61400000001"
    assert world.store.loads <= 2


def test_it_decides_anew_what_it_decided_without_the_receipts(world: World) -> None:
    """Redis was away: others, who read what is published there, decide by it, and so does this one when it can."""
    world.store.evidence_away, world.server.connected = True, False
    worker = world.worker()
    sender(worker)
    world.clock.sleep(EPOCH_TRUST_S)
    sender(worker)
    assert world.store.loads == 1
    world.store.evidence_away, world.server.connected = False, True
    world.store.senders = (number(), number("+61400000002", trust=100))
    world.clock.sleep(BREAKER_S)
    assert sender(worker) == "+61400000002"
    sender(worker)
    assert world.store.loads == 2


def test_it_shares_nothing_that_was_decided_without_the_receipts(world: World) -> None:
    world.store.evidence_away = True
    sender(world.worker())
    world.store.evidence_away = False
    sender(world.worker())
    assert world.store.loads == 2


def test_it_serves_what_it_knows_while_sql_is_away(world: World) -> None:
    worker = world.worker()
    sender(worker)
    world.store.away = True
    world.clock.sleep(60)
    assert sender(worker) == "+61400000001"


def test_it_defers_what_it_does_not_know_while_sql_is_away(world: World) -> None:
    world.store.away = True
    worker = world.worker()
    assert worker.verdicts([AU], NOW) == {}
    world.store.away = False
    world.clock.sleep(STORE_PAUSE_S)
    assert sender(worker) == "+61400000001"


def test_it_serves_what_it_knows_while_both_are_away(world: World) -> None:
    worker = world.worker()
    sender(worker)
    world.store.away, world.server.connected = True, False
    world.clock.sleep(60)
    assert sender(worker) == "+61400000001"


def test_it_outlives_a_redis_that_lost_its_data(world: World) -> None:
    worker = world.worker()
    world.change(account_scope("acme"))
    sender(worker)
    world.client.flushall()
    world.store.senders = (number("+61400000002"),)
    world.store.values[account_scope("acme")] += 1
    world.clock.sleep(EPOCH_TRUST_S)
    assert sender(worker) == "+61400000002"


# ---- what one account may have kept ----

FOREIGN = AU._replace(explicit=SenderRef("NOBODYS"))
OWN = AU._replace(explicit=SenderRef("+61400000001"))


def test_it_uses_a_decision_that_it_may_not_keep_and_leaves_nothing_of_it_in_redis(world: World) -> None:
    world.store.left_out = True
    with structlog.testing.capture_logs() as logged:
        assert {sender(world.worker(), FOREIGN) for _ in range(3)} == {"+61400000001"}
    assert world.store.loads == 3
    assert world.store.saved == []
    assert not world.client.keys(f"{PREFIX}:decision:*")
    assert left_out(PREFIX, [world.client])[Bound.DECISIONS] == 3
    assert [(each["event"], each["account_id"]) for each in logged] == [("decisions_not_kept", "acme")] * 3


def test_it_says_once_of_an_account_that_its_decisions_are_not_kept(world: World) -> None:
    world.store.left_out = True
    worker = world.worker()
    with structlog.testing.capture_logs() as logged:
        for number in range(3):
            sender(worker, AU._replace(explicit=SenderRef(f"N-{number}")))
    assert len(logged) == 1


@pytest.mark.parametrize(
    ("request_", "bounded"),
    [
        (AU, False),
        (OWN, False),
        (FOREIGN, True),
        (AU._replace(override=SenderRef("NOBODYS")), True),
        (OWN._replace(override=SenderRef("NOBODYS")), True),
        (OWN._replace(override=OWN.explicit), False),
    ],
    ids=["none", "own", "foreign", "foreign in the batch", "own, foreign in the batch", "own twice"],
)
def test_it_bounds_what_a_producer_may_write_at_will(world: World, request_: Request, bounded: bool) -> None:
    world.store.left_out = True
    sender(world.worker(), request_)
    assert len(world.store.saved) == (0 if bounded else 1)
