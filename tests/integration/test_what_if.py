"""What-if: which accounts would feel other rules, on both databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from core.accounts.accounts import Accounts
from core.accounts.senders import Senders
from core.defaults.default_senders import DefaultSenders
from core.defaults.strategies import Strategy
from core.engine.country_profile import CountryProfile
from core.engine.country_rules import CountryRule, RuleBook, RuleStatus, SenderOrigin
from core.engine.decision import Policy
from core.previews.rule_change import WhatIf, changed_countries
from core.rules.diff import diff_rules
from core.sender import Product, Sender, SenderType
from core.store import Store
from tests.support.store_fixtures import NOW, RecordingSink, filled_schema

LONG, NAME, POOL = SenderType.LONGCODE, SenderType.ALPHA_TAG, SenderType.SHARED_LONGCODE
ALLOWED, BLOCKED, ALTERED = RuleStatus.ALLOWED, RuleStatus.BLOCKED, RuleStatus.ALTERED
NUMBER = Strategy(LONG, "+61491570156", "AU")
DAY = timedelta(days=1)


def rule(country: str, sender_type: SenderType, status: RuleStatus = ALLOWED) -> CountryRule:
    return CountryRule(country, sender_type, SenderOrigin.ANY, status)


def book(*rules: CountryRule, **profile: object) -> RuleBook:
    profiles = [CountryProfile(country, country) for country in ("AU", "GB", "SH")]
    if profile:
        profiles[0] = replace(profiles[0], **profile)
    return RuleBook.of(f"test-{len(rules)}", rules, profiles)


BASE = (rule("AU", LONG), rule("AU", NAME), rule("GB", LONG), rule("SH", LONG))
BEFORE = book(*BASE)


@pytest.fixture
def store(tables_url: str) -> Iterator[Store]:
    """acme holds a number and a name, poor a name alone, bare nothing; gone is suspended."""
    with filled_schema(tables_url) as engine:
        store = Store(engine, RecordingSink(), lambda: NOW)
        accounts = Accounts(store)
        for account in ("acme", "poor", "bare", "gone"):
            accounts.add(account)
        for sender in (
            Sender("acme", NUMBER.sender_id, LONG),
            Sender("acme", "ACME", NAME),
            Sender("poor", "POOR", NAME),
            Sender("gone", "+61491570157", LONG),
        ):
            Senders(store).add(sender)
        accounts.suspend("gone")
        yield store


def what_if(store: Store, after: RuleBook, before: RuleBook = BEFORE) -> WhatIf:
    return WhatIf(store, before, after, Policy(), NOW, changed_countries(diff_rules(before, after, NOW)))


def smart(store: Store, after: RuleBook) -> list[tuple[str, str, str | None, str | None]]:
    effects = what_if(store, after).smart()
    return [
        (
            effect.account_id,
            effect.before.request.country,
            effect.before.sender and effect.before.sender.sender_id,
            effect.after.sender and effect.after.sender.sender_id,
        )
        for effect in effects
    ]


def changed(country: str, sender_type: SenderType, status: RuleStatus) -> RuleBook:
    rest = [each for each in BASE if (each.country, each.sender_type) != (country, sender_type)]
    return book(*rest, rule(country, sender_type, status))


def test_it_says_nothing_where_nothing_changes(store: Store) -> None:
    assert smart(store, BEFORE) == []
    assert list(what_if(store, BEFORE).defaults()) == []


def test_it_finds_choices_that_fall_to_the_next_sender_or_to_none(store: Store) -> None:
    assert smart(store, changed("AU", LONG, BLOCKED)) == [("acme", "AU", "+61491570156", "ACME")]
    assert smart(store, changed("AU", NAME, BLOCKED)) == [("poor", "AU", "POOR", None)]


def test_it_finds_choices_that_become_possible(store: Store) -> None:
    assert smart(store, book(*BASE, rule("GB", NAME))) == [("poor", "GB", None, "POOR")]


def test_it_finds_choices_of_another_grade(store: Store) -> None:
    assert smart(store, changed("AU", NAME, ALTERED)) == [("poor", "AU", "POOR", "POOR")]


def test_it_finds_what_a_profile_changes(store: Store) -> None:
    assert smart(store, book(*BASE, alpha_max_length=3)) == [("poor", "AU", "POOR", None)]
    assert smart(store, book(*BASE, notes="nobody heeds them")) == []


def test_it_looks_at_regions_that_read_the_rules_of_a_country(store: Store) -> None:
    found = smart(store, changed("SH", LONG, BLOCKED))
    assert {country for _, country, _, _ in found} == {"SH", "AC", "TA"}


def test_it_finds_defaults_that_break_and_are_mended(store: Store) -> None:
    DefaultSenders(store, lambda: BEFORE, Policy()).put("acme", "AU", Product.SMS, [NUMBER], "ops")
    after = changed("AU", LONG, BLOCKED)
    (broken,) = what_if(store, after).defaults()
    assert (broken.default.account_id, broken.before) == ("acme", None)
    assert "TYPE_BLOCKED" in (broken.after or "")
    (mended,) = what_if(store, BEFORE, after).defaults()
    assert (mended.before, mended.after) == (broken.after, None)


def test_it_heeds_a_default_that_stands(store: Store) -> None:
    """acme's default to AU is the name, so that the number's loss changes nothing there."""
    name = Strategy(NAME, "ACME")
    DefaultSenders(store, lambda: BEFORE, Policy()).put("acme", "AU", Product.SMS, [name], "ops")
    assert smart(store, changed("AU", LONG, BLOCKED)) == []
    assert smart(store, changed("AU", NAME, BLOCKED)) == [
        ("acme", "AU", "ACME", "+61491570156"),
        ("poor", "AU", "POOR", None),
    ]


def test_it_passes_over_suspended_accounts(store: Store) -> None:
    assert "gone" not in {account for account, _, _, _ in smart(store, changed("AU", LONG, BLOCKED))}


def test_it_compares_at_the_moment_asked_for(store: Store) -> None:
    ends = replace(rule("AU", LONG), effective_until=NOW + DAY)
    begins = replace(rule("AU", LONG, BLOCKED), effective_from=NOW + DAY)
    after = book(*(each for each in BASE if each != rule("AU", LONG)), ends, begins)
    assert list(what_if(store, after).smart()) == []
    assert len(list(replace(what_if(store, after), now=NOW + DAY).smart())) == 1


@pytest.mark.parametrize("limits", [(2, 2000), (200, 1)], ids=["few accounts a page", "few requests a page"])
def test_it_finds_the_same_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch, limits: Sequence[int]) -> None:
    for number in range(7):
        Accounts(store).add(f"more{number}")
        Senders(store).add(Sender(f"more{number}", f"NAME{number}", NAME))
    after = changed("AU", NAME, BLOCKED)
    whole = smart(store, after)
    monkeypatch.setattr("core.previews.rule_change._ACCOUNTS", limits[0])
    monkeypatch.setattr("core.previews.rule_change._REQUESTS", limits[1])
    assert smart(store, after) == whole
    assert len(whole) == 8
