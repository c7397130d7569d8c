"""Default senders, on both databases."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from core.accounts.accounts import Accounts
from core.accounts.senders import Senders
from core.defaults.at_risk import AtRisk
from core.defaults.changes import DefaultChange, write_changes
from core.defaults.default_senders import DefaultSenders
from core.defaults.pages import PageRequest
from core.defaults.rows import DefaultOrigin, find_default
from core.defaults.strategies import Strategy
from core.defaults.views import DefaultViews
from core.engine.country_profile import CountryProfile
from core.engine.country_rules import CountryRule, RuleBook, RuleStatus, SenderOrigin
from core.engine.decision import Facts, Policy, Request
from core.errors import ConflictError, FieldError, NotFoundError, RefusedError
from core.sender import Product, Sender, SenderStatus, SenderType, TrafficClass
from core.storage.scopes import account_scope
from core.store import Store
from tests.support.services import wait_for
from tests.support.store_fixtures import NOW, RecordingSink, filled_schema

NUMBER = Strategy(SenderType.LONGCODE, "+61491570156", "AU")
SECOND = Strategy(SenderType.LONGCODE, "+61491570157", "AU", note="for the shop")
POOL = Strategy(SenderType.SHARED_LONGCODE, None)
COUNTRIES = ("AU", "GB", "NZ", "US", "SG", "FR", "DE")

#: Long codes and shared numbers are allowed everywhere, names in New Zealand only, where nothing else is.
BOOK = RuleBook.of(
    "test",
    [
        CountryRule(country, sender_type, SenderOrigin.ANY, RuleStatus.ALLOWED)
        for country in COUNTRIES
        for sender_type in (SenderType.LONGCODE, SenderType.SHARED_LONGCODE)
        if country != "NZ"
    ]
    + [
        CountryRule("NZ", SenderType.ALPHA_TAG, SenderOrigin.ANY, RuleStatus.ALLOWED),
        CountryRule("NZ", SenderType.LONGCODE, SenderOrigin.ANY, RuleStatus.ALTERED),
        CountryRule("AU", SenderType.ALPHA_TAG, SenderOrigin.ANY, RuleStatus.BLOCKED),
    ],
    [CountryProfile(country, country, mms=country == "US") for country in COUNTRIES],
)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sink() -> RecordingSink:
    return RecordingSink()


@pytest.fixture
def store(tables_url: str, sink: RecordingSink, clock: Clock) -> Iterator[Store]:
    """Account acme with two numbers, a name and sub-accounts shop (borrows) and strict (does not); other with one."""
    with filled_schema(tables_url) as engine:
        store = Store(engine, sink, clock)
        accounts, senders = Accounts(store), Senders(store)
        accounts.add("acme")
        accounts.add("shop", parent="acme")
        accounts.add("strict", parent="acme", may_borrow=False)
        accounts.add("other")
        for sender in (
            Sender("acme", "+61491570156", SenderType.LONGCODE),
            Sender("acme", "+61491570157", SenderType.LONGCODE),
            Sender("acme", "ACME", SenderType.ALPHA_TAG),
            Sender("acme", "+61491570110", SenderType.LONGCODE, status=SenderStatus.PENDING),
            Sender("acme", "+61491570111", SenderType.LONGCODE, traffic_classes=frozenset({TrafficClass.OTP})),
            Sender("other", "+61491570158", SenderType.LONGCODE),
            Sender(None, None, SenderType.SHARED_LONGCODE),
        ):
            senders.add(sender)
        sink.published.clear()
        yield store


@pytest.fixture
def defaults(store: Store) -> DefaultSenders:
    return DefaultSenders(store, lambda: BOOK, Policy())


def test_it_creates_a_default_with_all_its_fields(defaults: DefaultSenders, store: Store) -> None:
    created = defaults.create("shop", "AU", Product.SMS, [NUMBER, SECOND, POOL], "api:shop")
    acme, shop = Accounts(store).get("acme"), Accounts(store).get("shop")
    assert created.strategies == (NUMBER, SECOND, POOL)
    assert (created.user_id, created.subaccount_user_id) == (acme.user_id, shop.user_id)
    assert (created.account_id, created.country, created.product) == ("shop", "AU", Product.SMS)
    assert (created.status, created.origin) == ("ENABLED", "manual")
    assert created.created_timestamp == created.updated_timestamp == NOW
    assert DefaultViews(store).get(shop, created.default_id) == created


def test_it_makes_decisions_heed_a_default(defaults: DefaultSenders, store: Store, sink: RecordingSink) -> None:
    defaults.create("acme", "AU", Product.SMS, [SECOND], "ops")
    request = Request("acme", "shop", "AU")
    facts = store.load_facts([request])[request]
    assert isinstance(facts, Facts)
    assert [default.strategies for default in facts.defaults] == [(SECOND.ref,)]
    assert set(sink.published[0]) == {account_scope(name) for name in ("acme", "shop", "strict")}


def test_it_creates_a_default_once_for_a_country_and_product(defaults: DefaultSenders) -> None:
    defaults.create("acme", "US", Product.SMS, [NUMBER], "ops")
    with pytest.raises(ConflictError):
        defaults.create("acme", "US", Product.SMS, [SECOND], "ops")
    defaults.create("shop", "US", Product.SMS, [SECOND], "ops")
    with pytest.raises(NotFoundError):
        defaults.create("nobody", "US", Product.SMS, [SECOND], "ops")


STRATEGY = "default_sender_strategies[0]"


@pytest.mark.parametrize(
    ("account_id", "country", "strategies", "field", "words"),
    [
        pytest.param("acme", "ZZ", [NUMBER], "country_code", "ISO 3166", id="no country"),
        pytest.param("acme", "AU", [], "default_sender_strategies", "1 to 10", id="no strategy"),
        pytest.param("acme", "AU", [POOL] * 11, "default_sender_strategies", "1 to 10", id="eleven strategies"),
        pytest.param(
            "acme", "AU", [NUMBER, NUMBER], "default_sender_strategies[1].sender_id", "earlier", id="one twice"
        ),
        pytest.param(
            "acme", "AU", [replace(NUMBER, sender_id="x")], f"{STRATEGY}.sender_id", "2 to 15 digits", id="malformed"
        ),
        pytest.param(
            "acme",
            "AU",
            [replace(NUMBER, sender_country_code=None)],
            f"{STRATEGY}.sender_country_code",
            "required",
            id="a number without country",
        ),
        pytest.param(
            "acme",
            "AU",
            [Strategy(SenderType.SHARED_LONGCODE, "61400000001")],
            f"{STRATEGY}.sender_id",
            "null or empty",
            id="a shared number by its id",
        ),
        pytest.param(
            "acme",
            "AU",
            [replace(NUMBER, sender_country_code="NZ")],
            f"{STRATEGY}.sender_country_code",
            "not the country",
            id="the wrong country",
        ),
        pytest.param(
            "acme", "AU", [replace(NUMBER, note="x" * 201)], f"{STRATEGY}.note", "at most 200", id="a long note"
        ),
        pytest.param(
            "acme",
            "AU",
            [replace(NUMBER, sender_id="+61491570158")],
            f"{STRATEGY}.sender_id",
            "not a sender",
            id="other's",
        ),
        pytest.param("strict", "AU", [NUMBER], f"{STRATEGY}.sender_id", "not a sender", id="may not borrow"),
        pytest.param(
            "acme",
            "AU",
            [replace(NUMBER, sender_id="+61491570110")],
            f"{STRATEGY}.sender_id",
            "not active",
            id="pending",
        ),
        pytest.param(
            "acme",
            "AU",
            [Strategy(SenderType.ALPHA_TAG, "ACME")],
            f"{STRATEGY}.sender_id",
            "not compliant in AU.*TYPE_BLOCKED",
            id="blocked",
        ),
        pytest.param("acme", "NZ", [NUMBER], f"{STRATEGY}.sender_id", "ALTERED_FORBIDDEN", id="altered"),
    ],
)
def test_it_refuses_a_default_and_names_the_field(
    defaults: DefaultSenders, account_id: str, country: str, strategies: list[Strategy], field: str, words: str
) -> None:
    with pytest.raises(RefusedError) as refusal:
        defaults.create(account_id, country, Product.SMS, strategies, "ops")
    (error,) = refusal.value.errors
    assert error.field == field
    assert re.search(words, error.reason)
    assert defaults.page(account_id, PageRequest()).items == ()


def test_it_names_a_sender_of_nobody_beside_the_country_that_it_lacks(defaults: DefaultSenders) -> None:
    with pytest.raises(RefusedError) as refusal:
        defaults.create("acme", "AU", Product.SMS, [Strategy(SenderType.ALPHA_TAG, "+1SHOP")], "ops")
    said = {error.field.rpartition(".")[2]: error.reason for error in refusal.value.errors}
    assert "required" in said["sender_country_code"]
    assert "not a sender of this account" in said["sender_id"]


@pytest.mark.parametrize(
    ("account_id", "country", "strategy"),
    [
        pytest.param("acme", "AU", NUMBER, id="own"),
        pytest.param("shop", "AU", NUMBER, id="borrowed"),
        pytest.param("strict", "AU", POOL, id="the pool's"),
        pytest.param("acme", "AU", POOL, id="shared, though dedicated ones are there"),
        pytest.param("acme", "NZ", Strategy(SenderType.ALPHA_TAG, "ACME"), id="a name"),
        pytest.param("acme", "AU", replace(NUMBER, sender_id="+61491570111"), id="for one-time passwords only"),
    ],
)
def test_it_accepts_a_default(defaults: DefaultSenders, account_id: str, country: str, strategy: Strategy) -> None:
    assert defaults.create(account_id, country, Product.SMS, [strategy], "ops").strategies == (strategy,)


@pytest.mark.parametrize("text", ["+61 491 570 156", "0061491570156", "0491570156", "61491570156", "0491 570 156"])
@pytest.mark.parametrize("country", ["AU", None])
def test_it_keeps_one_number_however_it_is_spelled(defaults: DefaultSenders, text: str, country: str | None) -> None:
    wanted = replace(NUMBER, sender_id=text, sender_country_code=country)
    assert defaults.put("acme", "AU", Product.SMS, [wanted], "ops").strategies == (NUMBER,)
    with pytest.raises(RefusedError) as refused:
        defaults.put("acme", "AU", Product.SMS, [NUMBER, wanted], "ops")
    assert [error.field for error in refused.value.errors] == ["default_sender_strategies[1].sender_id"]


def test_it_lets_a_suspended_account_set_defaults(defaults: DefaultSenders, store: Store) -> None:
    Accounts(store).suspend("acme")
    assert defaults.put("acme", "AU", Product.SMS, [NUMBER], "ops").strategies == (NUMBER,)


def test_it_puts_a_default_and_fills_in_the_country(
    defaults: DefaultSenders, clock: Clock, sink: RecordingSink
) -> None:
    bare = replace(NUMBER, sender_country_code=None)
    first = defaults.put("acme", "AU", Product.SMS, [bare], "ops")
    assert first.strategies == (NUMBER,)
    clock.now = NOW + timedelta(hours=1)
    assert defaults.put("acme", "AU", Product.SMS, [bare], "ops") == first
    assert len(sink.published) == 1
    second = defaults.put("acme", "AU", Product.SMS, [SECOND, bare], "ops")
    assert (second.default_id, second.strategies) == (first.default_id, (SECOND, NUMBER))
    assert (second.created_timestamp, second.updated_timestamp) == (NOW, clock.now)


def test_it_updates_and_removes_only_an_accounts_own(defaults: DefaultSenders, sink: RecordingSink) -> None:
    created = defaults.create("acme", "AU", Product.SMS, [NUMBER], "ops")
    for stranger in ("other", "shop"):
        with pytest.raises(NotFoundError):
            defaults.update(stranger, created.default_id, [NUMBER], "ops")
        with pytest.raises(NotFoundError):
            defaults.delete(stranger, created.default_id, "ops")
    assert defaults.update("acme", created.default_id, [SECOND], "ops").strategies == (SECOND,)
    defaults.delete("acme", created.default_id, "ops")
    assert len(sink.published) == 3
    for gone in (created.default_id, uuid4()):
        with pytest.raises(NotFoundError):
            defaults.update("acme", gone, [NUMBER], "ops")
    with pytest.raises(NotFoundError):
        defaults.unset("acme", "AU", Product.SMS, "ops")


@pytest.mark.parametrize("removed", [False, True], ids=["replaced", "removed"])
def test_it_sees_what_another_wrote_while_it_waited(
    defaults: DefaultSenders, store: Store, clock: Clock, removed: bool
) -> None:
    created = defaults.create("acme", "AU", Product.SMS, [NUMBER], "ann")
    clock.now = NOW + timedelta(minutes=1)
    with ThreadPoolExecutor(1) as another:
        with store.writing() as write:
            before = find_default(write.connection, "acme", "AU", Product.SMS)
            assert before == created
            change = DefaultChange(before.key, before, () if removed else (SECOND,))
            write_changes(write, [change], origin=DefaultOrigin.MANUAL, by="bob", now=clock.now)
            late = another.submit(defaults.update, "acme", created.default_id, [NUMBER], "eve")
            wait_until_blocked(store)
        if removed:
            with pytest.raises(NotFoundError):
                late.result()
        else:
            assert late.result().strategies == (NUMBER,)
    newest = defaults.history("acme")[0]
    assert newest.changed_by == ("bob" if removed else "eve")
    assert [each["sender_id"] for each in (newest.before or {})["strategies"]] == [
        (NUMBER if removed else SECOND).sender_id
    ]


def wait_until_blocked(store: Store) -> None:
    """Until somebody waits for a lock; SQLite tells nobody, so there it is a while in which somebody should."""
    if store.engine.dialect.name == "sqlite":
        time.sleep(0.2)
        return
    blocked = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with store.single() as connection:
        wait_for(lambda: bool(connection.scalar(blocked)), 10, "a writer that waits")


def test_it_remembers_who_changed_what(defaults: DefaultSenders, clock: Clock) -> None:
    defaults.put("acme", "AU", Product.SMS, [NUMBER], "ann")
    clock.now = NOW + timedelta(minutes=1)
    defaults.put("acme", "AU", Product.SMS, [SECOND], "bob")
    clock.now = NOW + timedelta(minutes=2)
    defaults.unset("acme", "AU", Product.SMS, "eve")
    removed, changed, created = defaults.history("acme")
    assert [entry.changed_by for entry in (created, changed, removed)] == ["ann", "bob", "eve"]
    assert changed.changed_at == NOW + timedelta(minutes=1)
    assert created.before is None
    assert removed.after is None
    assert changed.before == created.after
    assert changed.after == removed.before
    assert created.after == {
        "strategies": [
            {
                "sender_type": "longcode",
                "sender_id": "+61491570156",
                "sender_country_code": "AU",
                "note": None,
                "status": "ENABLED",
            }
        ]
    }


@pytest.mark.parametrize("sort_by", ["created_timestamp", "updated_timestamp", "country_code", "product_type"])
@pytest.mark.parametrize("descending", [True, False])
def test_it_pages_through_defaults_each_once(
    defaults: DefaultSenders, clock: Clock, sort_by: str, descending: bool
) -> None:
    for n, country in enumerate(("AU", "GB", "US", "SG", "FR", "DE")):
        clock.now = NOW + timedelta(microseconds=n // 2)
        defaults.create("acme", country, Product.SMS, [NUMBER], "ops")
    defaults.create("other", "AU", Product.SMS, [replace(NUMBER, sender_id="+61491570158")], "ops")
    pages, cursor = [], None
    while True:
        page = defaults.page("acme", PageRequest(4, cursor, sort_by, descending))
        pages.append(page.items)
        if (cursor := page.next_cursor) is None:
            break
    assert [len(items) for items in pages] == [4, 2]
    seen = [item for items in pages for item in items]
    assert len({item.default_id for item in seen}) == 6
    attribute = {"country_code": "country", "product_type": "product"}.get(sort_by, sort_by)
    keys = [(getattr(item, attribute), item.default_id) for item in seen]
    assert keys == sorted(keys, reverse=descending)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"per_page": 0}, "per_page", id="empty pages"),
        pytest.param({"per_page": 501}, "per_page", id="large pages"),
        pytest.param({"sort_by": "id; --"}, "sort_by", id="no such order"),
        pytest.param({"cursor": "x"}, "offset", id="no cursor"),
        pytest.param({"cursor": "é"}, "offset", id="no ASCII"),
        pytest.param({"cursor": "W10"}, "offset", id="an empty list"),
        pytest.param({"cursor": "bnVsbA"}, "offset", id="null"),
        pytest.param({"cursor": "WyJjcmVhdGVkX3RpbWVzdGFtcCIsdHJ1ZSwiMjAyNiIsNV0"}, "offset", id="not an id"),
    ],
)
def test_it_refuses_a_page(changes: dict[str, object], field: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        PageRequest(**changes)  # type: ignore[arg-type]
    assert [error.field for error in refusal.value.errors] == [field]


def test_it_refuses_the_cursor_of_another_order(defaults: DefaultSenders) -> None:
    for country in ("AU", "GB"):
        defaults.create("acme", country, Product.SMS, [NUMBER], "ops")
    cursor = defaults.page("acme", PageRequest(1)).next_cursor
    assert cursor is not None
    with pytest.raises(RefusedError):
        PageRequest(1, cursor, "country_code")
    with pytest.raises(RefusedError):
        PageRequest(1, cursor, descending=False)


def test_it_lists_what_a_sub_account_inherits(defaults: DefaultSenders) -> None:
    for country in ("AU", "GB"):
        defaults.create("acme", country, Product.SMS, [NUMBER], "ops")
    defaults.create("shop", "AU", Product.SMS, [SECOND], "ops")
    assert [(each.account_id, each.country) for each in defaults.inherited("shop")] == [("acme", "GB")]
    assert defaults.inherited("acme") == []


def test_it_finds_the_defaults_that_are_no_longer_compliant(defaults: DefaultSenders, store: Store) -> None:
    good = defaults.create("acme", "GB", Product.SMS, [NUMBER], "ops")
    bad = defaults.create("acme", "AU", Product.SMS, [NUMBER, SECOND], "ops")
    defaults.create("other", "AU", Product.SMS, [replace(NUMBER, sender_id="+61491570158")], "ops")
    at_risk = AtRisk(store, lambda: BOOK, Policy())
    assert list(at_risk.find()) == []
    Senders(store).set_status("acme", "+61491570157", SenderStatus.EXPIRED)
    Senders(store).set_status("other", "+61491570158", SenderStatus.RELEASED)
    (mine,) = at_risk.find("acme")
    assert mine.default == bad
    (risk,) = mine.risks
    assert risk.problem == FieldError(
        "default_sender_strategies[1].sender_id", "is not active: status is expired (NOT_ACTIVE)"
    )
    assert {each.default.account_id for each in at_risk.find()} == {"acme", "other"}
    assert good.default_id not in {each.default.default_id for each in at_risk.find()}
