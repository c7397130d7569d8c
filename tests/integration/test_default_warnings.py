"""Defaults at risk: found before they fail, told once, told again only after they were mended. On both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from core.accounts.accounts import Accounts
from core.accounts.senders import Senders
from core.defaults.at_risk import AtRisk, Risk
from core.defaults.default_senders import DefaultSenders
from core.defaults.risk_warnings import DefaultWarnings, WarningCount, count_warnings
from core.defaults.strategies import Strategy
from core.engine.country_profile import CountryProfile
from core.engine.country_rules import CountryRule, RuleBook, RuleStatus, SenderOrigin
from core.engine.decision import Policy
from core.sender import Product, Registration, RegistrationStatus, Sender, SenderStatus, SenderType
from core.store import Store
from tests.support.store_fixtures import NOW, RecordingSink, filled_schema

DAY = timedelta(days=1)
TOMORROW = datetime(2026, 3, 2, tzinfo=UTC)
NUMBER = Strategy(SenderType.LONGCODE, "+61491570156", "AU")
OWN = Strategy(SenderType.OWN_NUMBER, "+61491570157", "AU")
NAME = Strategy(SenderType.ALPHA_TAG, "ACME")


def rule(sender_type: SenderType, status: RuleStatus = RuleStatus.ALLOWED, **dates: datetime) -> CountryRule:
    return CountryRule("AU", sender_type, SenderOrigin.ANY, status, **dates)


class World:
    """A store whose rules and clock the test moves; `told` is what the events queue got."""

    def __init__(self, store: Store) -> None:
        self.store, self.now, self.told, self.broker_away = store, NOW, list[dict[str, object]](), False
        self.rules = [
            rule(SenderType.LONGCODE),
            rule(SenderType.OWN_NUMBER),
            rule(SenderType.ALPHA_TAG, RuleStatus.REGISTRATION_REQUIRED),
        ]
        self.senders = Senders(store)
        self.defaults = DefaultSenders(store, self.book, Policy())
        self.at_risk = AtRisk(store, self.book, Policy(), 14 * DAY)
        self.warnings = DefaultWarnings(store, self.at_risk)
        store.clock = self.clock

    def clock(self) -> datetime:
        return self.now

    def book(self) -> RuleBook:
        return RuleBook.of("test", self.rules, [CountryProfile("AU", "Australia")])

    def set_default(self, *strategies: Strategy, account_id: str = "acme") -> None:
        self.defaults.put(account_id, "AU", Product.SMS, strategies, "ops")

    def tell(self, events: Sequence[bytes]) -> None:
        if self.broker_away:
            raise ConnectionError("no broker")
        self.told += map(json.loads, events)

    def check(self) -> list[dict[str, object]]:
        """What one check newly told."""
        before = len(self.told)
        self.warnings.check(None, self.tell, 1)
        return self.told[before:]

    def only_risk(self) -> Risk:
        (found,) = self.at_risk.find()
        (risk,) = found.risks
        return risk

    def suspend(self, strategy: Strategy, status: SenderStatus = SenderStatus.SUSPENDED) -> None:
        self.senders.set_status("acme", strategy.sender_id, status, strategy.sender_type)


@pytest.fixture
def world(tables_url: str) -> Iterator[World]:
    with filled_schema(tables_url) as engine:
        world = World(Store(engine, RecordingSink()))
        Accounts(world.store).add("acme")
        for sender in (
            Sender("acme", NUMBER.sender_id, SenderType.LONGCODE, "AU"),
            Sender("acme", OWN.sender_id, SenderType.OWN_NUMBER, "AU", activated_at=NOW - 360 * DAY),
            Sender("acme", NAME.sender_id, SenderType.ALPHA_TAG),
        ):
            world.senders.add(sender)
        ends = Registration("AU", RegistrationStatus.APPROVED, valid_until=NOW + 3 * DAY)
        world.senders.register("acme", "ACME", ends)
        yield world


def test_it_finds_nothing_where_all_is_well(world: World) -> None:
    world.set_default(NUMBER)
    assert list(world.at_risk.find()) == []
    assert world.check() == []


def test_it_shows_today_the_rule_that_changes_tomorrow(world: World) -> None:
    world.set_default(NUMBER)
    world.rules[0] = rule(SenderType.LONGCODE, effective_until=TOMORROW)
    world.rules.append(rule(SenderType.LONGCODE, RuleStatus.BLOCKED, effective_from=TOMORROW))
    risk = world.only_risk()
    assert (risk.reason, risk.usable_now, risk.at_risk_from) == ("TYPE_BLOCKED", True, TOMORROW)
    (event,) = world.check()
    assert event["event"] == "default.at_risk"
    assert (event["account_id"], event["country"], event["product"]) == ("acme", "AU", "SMS")
    assert (event["sender_id"], event["sender_type"]) == ("+61491570156", "longcode")
    assert (event["reason"], event["at_risk_from"]) == ("TYPE_BLOCKED", "2026-03-02T00:00:00.000000Z")


def test_it_warns_of_the_end_of_a_registration(world: World) -> None:
    world.set_default(NAME)
    risk = world.only_risk()
    assert (risk.reason, risk.usable_now, risk.at_risk_from) == ("NOT_REGISTERED", True, NOW + 3 * DAY)


def test_it_warns_that_an_own_number_must_be_confirmed_after_a_year(world: World) -> None:
    world.set_default(OWN)
    risk = world.only_risk()
    assert (risk.reason, risk.usable_now, risk.at_risk_from) == ("NOT_ACTIVE", True, NOW + 5 * DAY)


def test_it_says_since_when_a_default_has_failed(world: World) -> None:
    world.set_default(OWN)
    world.now = NOW + 9 * DAY
    risk = world.only_risk()
    assert (risk.usable_now, risk.at_risk_from) == (False, NOW + 5 * DAY)


def test_it_knows_no_date_for_a_sender_that_was_suspended(world: World) -> None:
    world.set_default(NUMBER)
    world.suspend(NUMBER)
    risk = world.only_risk()
    assert (risk.reason, risk.usable_now, risk.at_risk_from) == ("NOT_ACTIVE", False, None)


def test_it_looks_no_further_ahead_than_it_was_told(world: World) -> None:
    world.set_default(NAME)
    assert list(AtRisk(world.store, world.book, Policy(), 2 * DAY).find()) == []
    assert len(list(AtRisk(world.store, world.book, Policy(), 3 * DAY).find())) == 1


def test_it_tells_of_each_sender_of_a_default(world: World) -> None:
    world.set_default(NUMBER, NAME, OWN)
    assert {event["sender_id"] for event in world.check()} == {"ACME", "+61491570157"}


def test_it_tells_once(world: World) -> None:
    world.set_default(NAME)
    assert len(world.check()) == 1
    world.now += DAY
    assert world.check() == []
    world.now += 5 * DAY
    assert world.check() == [], "it has come as it was told"


def test_it_tells_again_after_it_was_mended_and_broke_again(world: World) -> None:
    world.set_default(NUMBER)
    world.suspend(NUMBER)
    assert len(world.check()) == 1
    world.suspend(NUMBER, SenderStatus.ACTIVE)
    assert world.check() == []
    world.suspend(NUMBER)
    assert [event["reason"] for event in world.check()] == ["NOT_ACTIVE"]


def test_it_tells_of_another_reason_for_the_same_sender(world: World) -> None:
    world.set_default(NAME)
    assert [event["reason"] for event in world.check()] == ["NOT_REGISTERED"]
    world.suspend(NAME)
    assert [event["reason"] for event in world.check()] == ["NOT_ACTIVE"]


def test_it_tells_at_the_next_check_what_the_broker_refused(world: World) -> None:
    world.set_default(NAME)
    world.broker_away = True
    with pytest.raises(ConnectionError):
        world.check()
    world.broker_away = False
    assert len(world.check()) == 1


def test_it_forgets_the_warnings_of_a_default_that_was_removed(world: World) -> None:
    world.set_default(NAME)
    world.check()
    world.defaults.unset("acme", "AU", Product.SMS, "ops")
    assert count_warnings(world.store) == ()


def test_it_counts_by_reason_for_the_metrics(world: World) -> None:
    world.set_default(NUMBER, NAME)
    world.suspend(NUMBER)
    world.check()
    expected = (WarningCount("NOT_ACTIVE", usable_now=False, count=1), WarningCount("NOT_REGISTERED", True, 1))
    assert count_warnings(world.store) == expected


def test_it_checks_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.defaults.at_risk.PAGE", 2)
    accounts = Accounts(world.store)
    for number in range(5):
        accounts.add(f"sub{number}", parent="acme")
        world.set_default(NAME, account_id=f"sub{number}")
    first = world.warnings.check(None, world.tell, 2)
    assert (first.checked, first.told) == (4, 4)
    assert first.after is not None
    rest = world.warnings.check(first.after, world.tell, 2)
    assert (rest.checked, rest.told, rest.after) == (1, 1, None)
    assert len(list(world.at_risk.find())) == 5
