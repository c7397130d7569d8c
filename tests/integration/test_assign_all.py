"""Assign-all: many countries in one go, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from core.accounts.accounts import Accounts
from core.accounts.senders import Senders
from core.defaults.assign_all import AssignAll, CountryAssignment
from core.defaults.at_risk import AtRisk
from core.defaults.default_senders import DefaultSenders
from core.defaults.pages import PageRequest
from core.defaults.rows import StoredDefault
from core.defaults.strategies import Strategy
from core.engine.country_profile import CountryProfile
from core.engine.country_rules import CountryRule, RuleBook, RuleStatus, SenderOrigin
from core.engine.decision import Policy
from core.errors import NotFoundError, RefusedError
from core.sender import Product, Sender, SenderType
from core.store import Store
from tests.support.store_fixtures import NOW, RecordingSink, counted_statements, filled_schema

LONG, NAME, POOL = SenderType.LONGCODE, SenderType.ALPHA_TAG, SenderType.SHARED_LONGCODE
NUMBER = Strategy(LONG, "+61491570156", "AU")
SECOND = Strategy(LONG, "+61491570157", "AU")
WORD = Strategy(NAME, "ACME")
SHARED = Strategy(POOL, None)

#: Country -> what it takes. NZ takes names, SG labels them, FR takes nothing that acme holds.
ACCEPTED = {"AU": (LONG, POOL), "GB": (NAME,), "NZ": (NAME,), "US": (POOL,), "SG": (), "FR": (SenderType.SHORTCODE,)}
BOOK = RuleBook.of(
    "test",
    [
        CountryRule(country, sender_type, SenderOrigin.ANY, RuleStatus.ALLOWED if taken else RuleStatus.BLOCKED)
        for country, types in ACCEPTED.items()
        for sender_type in SenderType
        for taken in (sender_type in types,)
        if (country, sender_type) != ("SG", NAME)
    ]
    + [CountryRule("SG", NAME, SenderOrigin.ANY, RuleStatus.ALTERED)],
    [CountryProfile(country, country) for country in ACCEPTED],
)


@pytest.fixture
def store(tables_url: str) -> Iterator[Store]:
    """Account acme with two numbers and a name, its sub-account shop, the pool with a number."""
    with filled_schema(tables_url) as engine:
        store = Store(engine, RecordingSink(), lambda: NOW)
        Accounts(store).add("acme")
        Accounts(store).add("shop", parent="acme")
        for sender in (
            Sender("acme", NUMBER.sender_id, LONG, purchased_at=NOW - timedelta(days=9)),
            Sender("acme", SECOND.sender_id, LONG, purchased_at=NOW - timedelta(days=5)),
            Sender("acme", "ACME", NAME),
            Sender(None, "+61491570110", POOL),
        ):
            Senders(store).add(sender)
        yield store


@pytest.fixture
def assign_all(store: Store) -> AssignAll:
    return AssignAll(store, lambda: BOOK, Policy())


@pytest.fixture
def defaults(store: Store) -> DefaultSenders:
    return DefaultSenders(store, lambda: BOOK, Policy())


def stored(defaults: DefaultSenders, account_id: str = "acme") -> dict[str, StoredDefault]:
    return {each.country: each for each in defaults.page(account_id, PageRequest(per_page=100)).items}


def by_country(found: tuple[CountryAssignment, ...]) -> dict[str, tuple[str, Strategy | None, str]]:
    return {each.country: (each.outcome.value, each.sender, each.reason) for each in found}


def test_it_makes_the_smart_choice_the_default(assign_all: AssignAll, defaults: DefaultSenders) -> None:
    found = assign_all.run("acme", ["AU", "GB", "US", "FR"], by="ops")
    assert by_country(found) == {
        "AU": ("assigned", SECOND, "LOCAL_DEDICATED"),
        "GB": ("assigned", WORD, "NAME"),
        "US": ("assigned", SHARED, "FOREIGN_SHARED"),
        "FR": ("none", None, "NO_COMPLIANT_SENDER"),
    }
    assert {country: each.strategies for country, each in stored(defaults).items()} == {
        "AU": (SECOND,),
        "GB": (WORD,),
        "US": (SHARED,),
    }
    assert {each.origin for each in stored(defaults).values()} == {"assigned"}
    assert "TYPE_BLOCKED" in next(each.detail for each in found if each.country == "FR")


def test_it_assigns_what_may_be_a_default_by_itself(assign_all: AssignAll, store: Store) -> None:
    assign_all.run("acme", by="ops")
    assert list(AtRisk(store, lambda: BOOK, Policy()).find("acme")) == []


def test_it_never_assigns_a_sender_that_arrives_altered(assign_all: AssignAll) -> None:
    (found,) = assign_all.run("acme", ["SG"], by="ops")
    assert (found.outcome, found.reason) == ("none", "NO_COMPLIANT_SENDER")


def test_it_takes_all_countries_that_the_senders_can_serve(assign_all: AssignAll) -> None:
    found = assign_all.run("acme", by="ops")
    assert [each.country for each in found] == ["AU", "GB", "NZ", "US"]


def test_it_leaves_alone_what_was_set_by_hand(assign_all: AssignAll, defaults: DefaultSenders) -> None:
    defaults.put("acme", "AU", Product.SMS, [NUMBER], "ops")
    (found,) = assign_all.run("acme", ["AU"], by="ops")
    assert (found.outcome, found.sender, found.reason) == ("left_alone", NUMBER, "SET_BY_HAND")
    assert "+61491570157" in found.detail
    assert stored(defaults)["AU"].strategies == (NUMBER,)


def test_it_overwrites_when_told(assign_all: AssignAll, defaults: DefaultSenders) -> None:
    defaults.put("acme", "AU", Product.SMS, [NUMBER], "ops")
    (found,) = assign_all.run("acme", ["AU"], overwrite=True, by="ops")
    assert (found.outcome, found.sender) == ("assigned", SECOND)
    assert stored(defaults)["AU"].strategies == (SECOND,)
    assert [entry.changed_by for entry in defaults.history("acme")] == ["ops", "ops"]


def test_it_changes_what_it_assigned_when_the_choice_changes(
    assign_all: AssignAll, defaults: DefaultSenders, store: Store
) -> None:
    assign_all.run("acme", ["AU", "GB"], by="ops")
    Senders(store).add(Sender("acme", "+61491570158", LONG, purchased_at=NOW))
    assert [each.outcome.value for each in assign_all.run("acme", ["AU", "GB"], by="ops")] == ["assigned", "unchanged"]
    assert stored(defaults)["AU"].strategies[0].sender_id == "+61491570158"


def test_it_changes_nothing_in_a_dry_run(assign_all: AssignAll, defaults: DefaultSenders) -> None:
    shown = assign_all.run("acme", dry_run=True, by="ops")
    assert stored(defaults) == {}
    assert assign_all.run("acme", by="ops") == shown


def test_it_leaves_alone_what_a_sub_account_inherits_by_hand(assign_all: AssignAll, defaults: DefaultSenders) -> None:
    defaults.put("acme", "AU", Product.SMS, [NUMBER], "ops")
    found = by_country(assign_all.run("shop", ["AU", "GB"], by="ops"))
    assert found["AU"] == ("left_alone", NUMBER, "INHERITED_SET_BY_HAND")
    assert found["GB"] == ("assigned", WORD, "NAME")
    assert list(stored(defaults, "shop")) == ["GB"]


def test_it_keeps_products_apart(assign_all: AssignAll, defaults: DefaultSenders) -> None:
    defaults.put("acme", "AU", Product.SMS, [NUMBER], "ops")
    (found,) = assign_all.run("acme", ["AU"], Product.MMS, by="ops")
    assert found.outcome == "none"


def test_it_reads_uk_as_gb_and_takes_a_country_once(assign_all: AssignAll) -> None:
    assert [each.country for each in assign_all.run("acme", ["uk", "GB"], by="ops")] == ["GB"]


def test_it_refuses_all_where_one_country_is_none(assign_all: AssignAll, defaults: DefaultSenders) -> None:
    with pytest.raises(RefusedError) as refused:
        assign_all.run("acme", ["AU", "XX"], by="ops")
    assert [error.field for error in refused.value.errors] == ["countries[1]"]
    assert stored(defaults) == {}


def test_it_refuses_an_account_that_is_not_there(assign_all: AssignAll) -> None:
    with pytest.raises(NotFoundError):
        assign_all.run("nobody", ["AU"], by="ops")


def test_it_reads_many_countries_in_few_statements(assign_all: AssignAll, store: Store) -> None:
    with counted_statements(store.engine) as few:
        assign_all.run("acme", ["AU"], dry_run=True, by="ops")
    with counted_statements(store.engine) as many:
        assign_all.run("acme", dry_run=True, by="ops")
    assert len(many) == len(few) <= 5
