"""Rule versions, overrides and epochs, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.engine.country_rules import CountryRule, Grade, RuleBook, RuleStatus, SenderOrigin
from core.errors import ConflictError, EpochPublishError, NotFoundError, RefusedError, StoreUnavailableError
from core.rules.files import shipped_rules
from core.rules.store import RuleOrigin
from core.sender import Product, SenderType
from core.storage.database import open_engine
from core.storage.scopes import RULES_SCOPE, account_scope
from core.store import Store
from tests.support.store_fixtures import NOW, RecordingSink, counted_statements, filled_schema

OVERRIDE = CountryRule(
    "AU",
    SenderType.ALPHA_TAG,
    SenderOrigin.ANY,
    RuleStatus.BLOCKED,
    effective_until=NOW + timedelta(days=30),
    override_reason="the carrier told us",
)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def sink() -> RecordingSink:
    return RecordingSink()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tables_url: str, sink: RecordingSink, clock: Clock) -> Iterator[Store]:
    with filled_schema(tables_url) as engine:
        yield Store(engine, sink, clock)


def book(version: str, status: RuleStatus = RuleStatus.ALLOWED) -> RuleBook:
    rule = CountryRule("AU", SenderType.ALPHA_TAG, SenderOrigin.ANY, status)
    return RuleBook.of(version, [rule], shipped_rules().profiles.values())


def fail_after_touching(store: Store) -> None:
    with store.writing() as write:
        write.touch(RULES_SCOPE)
        raise ZeroDivisionError


def install_shipped(store: Store, version: str) -> None:
    """As an older program would have done."""
    store.import_rules(book(version), "an older program")
    with store.writing() as write:
        write.connection.exec_driver_sql("UPDATE rule_versions SET origin = 'shipped'")


def test_it_says_that_there_are_no_rules_yet(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.active_rules()


def test_it_installs_the_shipped_rules_once(store: Store) -> None:
    assert store.ensure_rules() == shipped_rules().version
    assert store.ensure_rules() == shipped_rules().version
    assert store.active_rules() == shipped_rules()
    assert [(v.version, v.origin, v.active) for v in store.rule_versions()] == [
        (shipped_rules().version, RuleOrigin.SHIPPED, True)
    ]
    assert store.epochs([RULES_SCOPE]) == {RULES_SCOPE: 1}


@pytest.mark.parametrize(
    ("version", "origin", "replaced"),
    [
        pytest.param("2019-01-01-abcdef", RuleOrigin.SHIPPED, True, id="older shipped rules"),
        pytest.param("2099-01-01-abcdef", RuleOrigin.SHIPPED, False, id="shipped rules of a newer program"),
        pytest.param("2019-01-01-abcdef", RuleOrigin.OPERATOR, False, id="an operator's rules, however old"),
    ],
)
def test_it_replaces_shipped_rules_only_by_newer_ones(store: Store, version: str, origin: str, replaced: bool) -> None:
    if origin == RuleOrigin.SHIPPED:
        install_shipped(store, version)
    else:
        store.import_rules(book(version), "ops")
    assert store.ensure_rules() == (shipped_rules().version if replaced else version)


def test_it_does_not_bring_back_shipped_rules_that_were_replaced(store: Store) -> None:
    store.ensure_rules()
    install_shipped(store, "2099-01-01-abcdef")
    assert store.ensure_rules() == "2099-01-01-abcdef"


def test_it_imports_a_version_and_activates_it(store: Store, sink: RecordingSink) -> None:
    store.ensure_rules()
    assert store.import_rules(book("2026-02-01-ops"), "ops") is True
    assert store.active_rules() == book("2026-02-01-ops")
    assert store.import_rules(book("2026-02-01-ops"), "ops") is False
    assert sink.published == [{RULES_SCOPE: 1}, {RULES_SCOPE: 2}]
    assert [version.active for version in store.rule_versions()].count(True) == 1


def test_it_refuses_other_rules_under_a_known_version(store: Store, sink: RecordingSink) -> None:
    store.import_rules(book("1"), "ops")
    with pytest.raises(ConflictError):
        store.import_rules(book("1", RuleStatus.BLOCKED), "ops")
    assert store.active_rules() == book("1")
    assert len(sink.published) == 1


def test_it_lays_overrides_over_every_version(store: Store, sink: RecordingSink) -> None:
    store.ensure_rules()
    added = store.add_override(OVERRIDE, "ops")
    for version in (shipped_rules().version, "2026-02-01-ops"):
        rules = store.active_rules()
        rule = rules.rule_for("AU", SenderType.ALPHA_TAG, None, Product.SMS, NOW)
        assert rule is not None
        assert (rule.status, rule.override_reason) == (RuleStatus.BLOCKED, "the carrier told us")
        assert rules.version.startswith(f"{version}+")
        store.import_rules(book("2026-02-01-ops"), "ops")
    store.remove_override(added.override_id)
    assert store.active_rules().version == "2026-02-01-ops"
    assert [values[RULES_SCOPE] for values in sink.published] == [1, 2, 3, 4]


def test_it_keeps_an_override_as_it_was_added(store: Store) -> None:
    rule = replace(OVERRIDE, status=RuleStatus.REGISTRATION_REQUIRED, unregistered=Grade.ALTERED)
    added = store.add_override(rule, "ops")
    assert store.overrides() == [added]
    kept = added.rule
    assert replace(kept, sources=(), as_of="") == rule
    assert (added.created_by, added.created_at, added.removed_at) == ("ops", NOW, None)
    removed = store.remove_override(added.override_id)
    assert removed.removed_at == NOW
    assert store.overrides() == []
    assert store.overrides(removed=True) == [removed]
    with pytest.raises(NotFoundError):
        store.remove_override(added.override_id)


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(replace(OVERRIDE, override_reason=" "), id="no reason"),
        pytest.param(replace(OVERRIDE, country="ZZ"), id="no country"),
    ],
)
def test_it_refuses_an_override(store: Store, rule: CountryRule) -> None:
    with pytest.raises(RefusedError):
        store.add_override(rule, "ops")
    assert store.epochs([RULES_SCOPE]) == {RULES_SCOPE: 0}


def test_it_reads_the_active_rules_in_two_statements(store: Store) -> None:
    store.ensure_rules()
    with counted_statements(store.engine) as statements:
        store.active_rules()
    assert len(statements) == 2


def test_it_ensures_rules_from_many_programs_at_once(store: Store) -> None:
    threads = [threading.Thread(target=store.ensure_rules) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.epochs([RULES_SCOPE]) == {RULES_SCOPE: 1}
    assert len(store.rule_versions()) == 1


def test_it_raises_epochs_in_the_transaction_and_publishes_them_after(store: Store, sink: RecordingSink) -> None:
    with store.writing() as write:
        write.touch("rules", account_scope("acme"))
        assert sink.published == []
    assert sink.published == [write.values] == [{"rules": 1, "account:acme": 1}]
    with pytest.raises(ZeroDivisionError):
        fail_after_touching(store)
    assert store.epochs(["rules", "platform"]) == {"rules": 1, "platform": 0}
    assert len(sink.published) == 1


def test_it_commits_though_nobody_hears_of_the_epochs(store: Store, sink: RecordingSink) -> None:
    sink.away = True
    store.ensure_rules()
    assert store.epochs([RULES_SCOPE]) == {RULES_SCOPE: 1}


def test_it_hides_no_other_error_of_a_sink(tables_url: str) -> None:
    class Broken:
        def publish(self, _values: object) -> None:
            raise KeyError("a bug")

    with filled_schema(tables_url) as engine, pytest.raises(KeyError):
        Store(engine, Broken()).ensure_rules()
    assert not issubclass(KeyError, EpochPublishError)


def test_it_tells_which_epochs_changed_since(store: Store, clock: Clock) -> None:
    for minute in range(3):
        clock.now = NOW + timedelta(minutes=minute)
        with store.writing() as write:
            write.touch(f"account:{minute}")
    assert store.epochs_changed_since(NOW + timedelta(minutes=1)) == {"account:1": 1, "account:2": 1}


def test_it_counts_every_one_of_many_writers(store: Store) -> None:
    def raise_epochs(names: list[str]) -> None:
        for _ in range(10):
            with store.writing() as write:
                write.touch(*names)

    threads = [threading.Thread(target=raise_epochs, args=(names,)) for names in (["a", "b"], ["b", "a"], ["b"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.epochs(["a", "b"]) == {"a": 20, "b": 30}


def test_it_says_that_the_database_is_away() -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailableError):
        Store(engine).ping()
    engine.dispose()
