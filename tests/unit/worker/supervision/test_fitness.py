"""Whether everything that a worker needs is fit: one line each, and what helps where one is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from core.errors import NotFoundError, StoreUnavailableError
from core.storage.database import open_engine
from core.storage.schema import newest_version
from core.storage.tables import METADATA
from core.store import Store
from worker.handoff.errors import UnfitError
from worker.settings import Settings
from worker.supervision import readiness
from worker.supervision.fitness import Fitness, checked, rules_words
from worker.supervision.readiness import shortcoming, wait_for_database

NOW = datetime(2026, 12, 1, tzinfo=UTC)
VERSIONS = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"


class NoEpochs:
    """Nobody reads epochs here."""

    def publish(self, epochs: Mapping[str, int]) -> None:
        return


class Broker:
    """A broker whose queues have these lengths."""

    def __init__(self, lengths: Mapping[str, int] | Exception, unread: Mapping[str, int] | None = None) -> None:
        self._lengths, self._unread = lengths, unread or {}

    def describe(self) -> str:
        return "Redis 7.0.15 at redis://127.0.0.1"

    def try_writing(self) -> None:
        if isinstance(self._lengths, Exception):
            raise self._lengths

    def queue_lengths(self) -> Mapping[str, int]:
        assert not isinstance(self._lengths, Exception)
        return self._lengths

    def unread(self) -> Mapping[str, int]:
        return self._unread


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(open_engine(f"sqlite:///{tmp_path}/fit.sqlite3"), NoEpochs())
    yield opened
    opened.engine.dispose()


def at_version(store: Store, version: str) -> None:
    with store.engine.begin() as connection:
        connection.execute(text(VERSIONS))
        connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})


def fitness(store: Store, broker: Broker, **settings: Any) -> Fitness:
    looks = Fitness(Settings(**settings), lambda: None, store)  # type: ignore[arg-type,return-value]  # nobody asks
    looks._broker = broker  # type: ignore[assignment]  # as it looks at it
    return looks


def test_an_empty_database_is_told_with_what_helps(store: Store) -> None:
    with pytest.raises(UnfitError, match="is empty: run `smart-assign db upgrade`"):
        fitness(store, Broker({})).database()


def test_an_older_schema_is_told_by_its_version(store: Store) -> None:
    at_version(store, "0001")
    with pytest.raises(UnfitError, match=f"has version 0001, this program needs {newest_version()}"):
        fitness(store, Broker({})).database()


def test_a_fit_database_is_told_by_version_and_address(store: Store) -> None:
    at_version(store, newest_version())
    with store.engine.begin() as connection:
        METADATA.create_all(connection)
    words = fitness(store, Broker({}), database_url="postgresql://app:s3cret@db/sms").database()
    assert words.startswith(f"version {newest_version()} at postgresql://app:")
    assert "s3cret" not in words


def test_a_full_dispatch_queue_is_unfit_for_the_intake_pauses(store: Store) -> None:
    broker = Broker({"smart-assign.dispatch": 10, "smart-assign.ingress": 4})
    with pytest.raises(UnfitError, match=r"is full \(10\), intake pauses"):
        fitness(store, broker, dispatch_max_length=10).queues()
    assert fitness(store, broker).queues() == "smart-assign.dispatch 10, smart-assign.ingress 4"


def test_messages_on_a_list_that_nobody_reads_are_told_with_what_helps(store: Store) -> None:
    broker = Broker({"smart-assign.dispatch": 0}, {"smart-assign.messages\x06\x1611": 3})
    with pytest.raises(UnfitError, match=r"messages\\x06\\x1611 3\. Give BROKER_TRANSPORT_OPTIONS"):
        fitness(store, broker).queues()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UnfitError("not there yet"), "not there yet"),
        (OSError(), "OSError"),
        (StoreUnavailableError("a\n  b"), "a b"),
        (OperationalError("select", {}, Exception("no such table")), "no such table"),
    ],
)
def test_a_check_says_in_one_line_what_was_raised(store: Store, error: Exception, words: str) -> None:
    check = checked("queues", fitness(store, Broker(error)).queues, "redis://u:s3cret@10.0.0.1")
    assert not check.ok
    assert words in check.detail
    assert "\n" not in check.detail
    assert "s3cret" not in check.detail


class Version:
    def __init__(self, version: str) -> None:
        self.version, self.imported_at, self.imported_by = version, NOW, "ops"


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("2026-11-28.1", "version 2026-11-28.1, 3 days old, imported on 2026-12-01 by ops"),
        ("ours", "version ours, undated, imported on 2026-12-01 by ops"),
    ],
)
def test_rules_are_told_with_their_age_where_their_version_is_dated(version: str, words: str) -> None:
    assert rules_words(Version(version), NOW) == words  # type: ignore[arg-type]


def test_a_worker_waits_for_the_database_and_says_each_time_what_it_lacks(store: Store) -> None:
    lacks: list[str | None] = []

    def meanwhile(seconds: float) -> None:
        assert seconds == readiness.WAIT_S
        lacks.append(shortcoming(store))
        if len(lacks) == 1:
            at_version(store, newest_version())
        else:
            store.active_rules = lambda: None  # type: ignore[method-assign,assignment,return-value]

    def no_rules() -> None:
        raise NotFoundError("no rules")

    store.active_rules = no_rules  # type: ignore[method-assign,assignment]
    wait_for_database(store, meanwhile)
    assert lacks == ["is empty", "holds no country rules"]


def test_a_database_of_a_newer_version_is_fit(store: Store) -> None:
    at_version(store, "9999")
    store.active_rules = lambda: None  # type: ignore[method-assign,assignment,return-value]
    assert shortcoming(store) is None


def test_a_database_that_cannot_be_reached_is_told_by_the_servers_own_words(tmp_path: Path) -> None:
    away = Store(open_engine(f"sqlite:///{tmp_path}/no/such/folder.sqlite3"), NoEpochs())
    assert shortcoming(away) == "cannot be used (the database cannot be used: unable to open database file)"
