"""What receipts come to, published for decisions: on both databases, with a Redis in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import fakeredis
import pytest

from core.accounts.accounts import Accounts
from core.accounts.senders import Senders
from core.engine.decision import Facts, Request
from core.errors import StoreUnavailableError
from core.sender import Sender, SenderType
from core.store import Store
from core.trust import publishing
from core.trust.keys import SenderKey, TrustKeys
from core.trust.owners import Owned, Owners, source_of
from core.trust.published import RedisEvidence
from core.trust.publishing import Publisher, orders_differ
from core.trust.rates import Added, Rates, TrustPolicy
from core.trust.tally import Named
from tests.support.store_fixtures import NOW, RecordingSink, filled_schema

ONE, TWO, SUBS, POOL = "+61491570006", "+61491570156", "+61491570157", "+61491570158"
LONG = SenderType.LONGCODE
KEYS = TrustKeys("sa")


class World:
    """Account acme with two numbers and a sub-account with one; the pool has one."""

    def __init__(self, store: Store, sink: RecordingSink) -> None:
        self.store, self.sink = store, sink
        self.redis = fakeredis.FakeRedis()
        self.events: list[dict[str, Any]] = []
        store.evidence = RedisEvidence(self.redis, "sa")
        accounts, senders = Accounts(store), Senders(store)
        accounts.add("acme")
        accounts.add("acme-shop", parent="acme")
        accounts.add("other")
        for owner, number, trust in (("acme", ONE, 60), ("acme", TWO, 50), ("acme-shop", SUBS, 50), (None, POOL, 50)):
            senders.add(Sender(owner, number, LONG, "AU", trust=trust))
        self.policy = TrustPolicy()
        self.publisher = Publisher(self.redis, self.redis, store, self.policy, prefix="sa", tell=self._tell)
        sink.published.clear()

    def _tell(self, events: Any) -> None:
        self.events += map(json.loads, events)

    def now(self) -> float:
        seconds, micros = self.redis.time()
        return float(seconds) + micros / 1e6

    def add(
        self, number: str = ONE, owner: str | None = "acme", source: str = "", ago_s: float = 0.0, **counts: int
    ) -> None:
        """Receipts, as the scripts count them."""
        key = SenderKey(owner, "AU", LONG, number.removeprefix("+"))
        messages = {name: count for name, count in counts.items() if name != "spam"}
        empty = dict.fromkeys(("delivered", "failed", "blocked", "expired", "spam"), 0)
        added = Added(
            **(empty | counts), recent=sum(messages.values()), recent_good=counts.get("delivered", 0), newest=0
        )
        raw: Any = self.redis.hget(KEYS.rates_stem + key.text, source)
        before = Rates(self.now() - ago_s) if raw is None else Rates(*json.loads(raw))
        self.redis.hset(KEYS.rates_stem + key.text, source, json.dumps(before.plus(added)))
        self.redis.zadd(KEYS.due, {key.text: (self.now() - 1) * 1000})

    def trust(self, account: str = "acme") -> Mapping[str | None, tuple[int, bool]]:
        """The trust by which each sender of an account is ranked, and whether it is unhealthy."""
        request = Request(account, None, "AU") if account != "acme-shop" else Request("acme", account, "AU")
        facts = self.store.load_facts([request])[request]
        assert isinstance(facts, Facts)
        return {each.sender_id: (each.trust_in_use, each.unhealthy) for each in facts.senders}

    def scopes(self) -> list[set[str]]:
        """The scopes whose epochs were raised, turn by turn; forgets them."""
        found, self.sink.published = [set(each) for each in self.sink.published], []
        return found


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    with filled_schema(database_url) as engine:
        sink = RecordingSink()
        yield World(Store(engine, sink, lambda: NOW), sink)


def test_it_publishes_trust_and_drops_caches_only_where_an_order_changes(world: World) -> None:
    world.add(delivered=198, failed=2)
    assert world.publisher.turn() == 1
    assert world.trust()[ONE] == (100, False)
    assert world.scopes() == []  # it was before the other, and still is
    world.add(delivered=130, failed=130)
    world.publisher.turn()
    assert world.trust()[ONE] == (70, False)
    assert world.scopes() == []
    world.add(spam=40)
    world.publisher.turn()
    assert world.trust()[ONE] == (40, False)
    assert world.scopes() == [{"account:acme", "account:acme-shop"}]
    assert world.publisher.turn() == 0


def test_it_tells_of_a_sender_that_fails_and_of_its_recovery_once_each(world: World) -> None:
    world.add(failed=120)
    world.publisher.turn()
    world.add(failed=10)
    world.publisher.turn()
    assert world.trust()[ONE] == (60, True)
    assert world.scopes() == [{"account:acme", "account:acme-shop"}]
    world.add(delivered=400)
    world.publisher.turn()
    assert not world.trust()[ONE][1]
    assert [(each["event"], each["account_id"], each["sender_id"], each["country"]) for each in world.events] == [
        ("sender.unhealthy", "acme", ONE, "AU"),
        ("sender.recovered", "acme", ONE, "AU"),
    ]
    # It is judged by what it does from now on.
    world.add(failed=60)
    world.publisher.turn()
    assert not world.trust()[ONE][1]


def test_a_dead_sender_is_tried_again_by_itself_when_its_failures_have_faded(world: World) -> None:
    world.add(failed=300)
    world.publisher.turn()
    ((_, due),) = world.redis.zrange(KEYS.due, 0, -1, withscores=True)
    assert due / 1000 - world.now() == pytest.approx(12 * 3600, rel=0.05)
    key = KEYS.rates_stem + SenderKey("acme", "AU", LONG, ONE.removeprefix("+")).text
    aged = Rates(*json.loads(world.redis.hget(key, "")))._replace(at=world.now() - 12.1 * 3600)
    world.redis.hset(key, "", json.dumps(aged))
    world.redis.zadd(KEYS.due, {SenderKey("acme", "AU", LONG, ONE.removeprefix("+")).text: 0})
    world.publisher.turn()
    assert world.trust()[ONE] == (0, False)


def test_what_is_published_of_the_pool_counts_for_everybody(world: World) -> None:
    world.add(POOL, None, delivered=20, failed=380)
    world.publisher.turn()
    assert world.trust("other") == {POOL: (5, True)}
    assert world.scopes() == [{"platform"}]


def test_one_account_moves_a_sender_of_the_pool_by_a_quarter_at_most(world: World) -> None:
    world.add(POOL, None, source_of("acme"), failed=1_000_000)
    world.publisher.turn()
    trust, unhealthy = world.trust("other")[POOL]
    assert (trust in {35, 40}, unhealthy) == (True, False)  # three quarters of the inventory's 50
    world.add(POOL, None, delivered=1000)
    world.publisher.turn()
    assert world.trust("other") == {POOL: (75, False)}


def test_a_frozen_sender_stays_as_it_is(world: World) -> None:
    world.add(delivered=300)
    world.publisher.turn()
    text = SenderKey("acme", "AU", LONG, ONE.removeprefix("+")).text
    world.redis.hset(KEYS.frozen, text, "{}")
    world.add(failed=5000)
    world.publisher.turn()
    assert (world.trust()[ONE], world.events) == ((100, False), [])
    world.redis.hdel(KEYS.frozen, text)
    world.add(failed=1)
    world.publisher.turn()
    assert world.trust()[ONE] == (5, True)


def test_a_worker_that_dies_before_the_epochs_are_raised_has_them_raised_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailableError("the database cannot be used")

    world.add(failed=300)
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "raise_epochs", away)
        with pytest.raises(StoreUnavailableError):
            world.publisher.turn()
    assert world.scopes() == []
    world.publisher.turn()
    assert world.scopes() == [{"account:acme", "account:acme-shop"}]
    assert [each["event"] for each in world.events] == ["sender.unhealthy"]


def test_one_worker_publishes_at_a_time(world: World) -> None:
    world.add(failed=300)
    held = world.redis.lock(KEYS.lock, timeout=30, blocking=False)
    assert held.acquire()
    assert world.publisher.turn() == 0
    held.release()
    assert world.publisher.turn() == 1


def test_it_leaves_alone_what_names_no_sender(world: World) -> None:
    world.redis.zadd(KEYS.due, {b"[1]": 0, b"\xff": 0})
    world.publisher.turn()
    assert world.publisher.turn() == 0


@pytest.mark.parametrize(
    ("after", "differs"),
    [({"a": 60, "b": 50}, False), ({"a": 51, "b": 50}, False), ({"a": 50, "b": 50}, True), ({"a": 40, "b": 50}, True)],
)
def test_it_knows_when_an_order_changes(after: dict[str, int], differs: bool) -> None:
    assert orders_differ({"a": 60, "b": 50}, after) is differs


# ---- whose sender it is ----

#: label: (accounts named, sender, what it counts for)
NAMED: dict[str, tuple[str | None, str | None, str, Owned | None]] = {
    "its owner": ("acme", None, ONE, Owned("acme", ONE[1:], "")),
    "its owner, the number spelled otherwise": ("acme", None, "61 491 570 006", Owned("acme", ONE[1:], "")),
    "a sub-account's number": ("acme", "acme-shop", SUBS, Owned("acme-shop", SUBS[1:], "")),
    "the account's number, sent by its sub-account": ("acme", "acme-shop", ONE, Owned("acme", ONE[1:], "")),
    "the account's number, in the sub-account's name": (
        "acme-shop",
        None,
        ONE,
        Owned("acme", ONE[1:], source_of("acme")),
    ),
    "the pool's, by whoever runs it": (None, None, POOL, Owned(None, POOL[1:], "")),
    "the pool's, by an account": ("other", None, POOL, Owned(None, POOL[1:], source_of("other"))),
    "the pool's, by a sub-account": ("acme-shop", None, POOL, Owned(None, POOL[1:], source_of("acme"))),
    "a stranger": ("other", None, ONE, None),
    "nobody": ("nobody", None, POOL, None),
    "an account as another's sub-account": ("other", "acme-shop", SUBS, None),
    "an account's number as the pool's": (None, None, ONE, None),
    "what cannot be stored": ("a\x00", None, ONE, None),
}


@pytest.mark.parametrize("label", NAMED)
def test_it_finds_whose_sender_a_receipt_is_about(world: World, label: str) -> None:
    account_id, subaccount_id, number, owned = NAMED[label]
    named = Named(account_id, subaccount_id, LONG, number)
    assert Owners(world.store).of({named}) == {named: owned}


def test_it_remembers_whose_sender_it_is_for_a_minute(world: World) -> None:
    clock = [0.0]
    owners = Owners(world.store, lambda: clock[0])
    named = Named("acme", None, LONG, "+61400000009")
    assert owners.of([named]) == {named: None}
    Senders(world.store).add(Sender("acme", "+61400000009", LONG, "AU"))
    assert owners.of([named]) == {named: None}
    clock[0] = 61.0
    assert owners.of([named]) == {named: Owned("acme", "61400000009", "")}
