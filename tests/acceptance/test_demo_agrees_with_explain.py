"""What `explain` says of each sample message is what a real worker did with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.engine.country_rules import RuleBook
from core.previews.message import inquire
from core.storage.database import open_engine
from core.store import Store
from tests.support.ids import message_digest
from worker.demo.run import Demo, DemoResult, demo_settings
from worker.embedded.places import sqlite_url

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]

Documents = list[Mapping[str, Any]]


class ReadingStore(Store):
    """Reads the rules once: thousands of inquiries would take minutes over it."""

    @cached_property
    def _rules(self) -> RuleBook:
        return super().active_rules()

    def active_rules(self) -> RuleBook:
        return self._rules


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Demo:
    return Demo(folder, lambda _: None, lambda _: None)


@pytest.fixture(scope="module")
def outcome(demo: Demo) -> DemoResult:
    return demo.run()


@pytest.fixture(scope="module")
def store(folder: Path, outcome: DemoResult) -> Iterator[Store]:
    opened = ReadingStore(open_engine(sqlite_url(folder)))
    yield opened
    opened.engine.dispose()


@pytest.fixture(scope="module")
def readable(demo: Demo) -> Documents:
    """The sample messages that are JSON objects with both ids."""
    found = []
    for document in demo.messages:
        try:
            values = msgspec.json.decode(document)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if isinstance(values, dict) and values.keys() >= {"account_id", "message_id"}:
            found.append(values)
    return found


def test_it_explains_every_message_as_the_worker_decided_it(
    store: Store, outcome: DemoResult, readable: Documents
) -> None:
    assert outcome.adds_up
    dispatched = {each["dispatch_id"]: each for each in outcome.dispatched}
    parked = {(each.get("account_id"), each.get("message_id")): each for each in outcome.notices}
    differing = []
    for document in readable:
        ids = document["account_id"], document["message_id"], document.get("subaccount_id") or None
        digest = message_digest(*ids).hex()
        done = dispatched.get(digest) or parked[document["account_id"], document["message_id"]]
        told = explained(store, document)
        if told != worked(done):
            differing.append((document, told, worked(done)))
    assert differing == []
    assert len(readable) > 2000


def test_it_can_show_every_decision_that_a_message_names(store: Store, outcome: DemoResult) -> None:
    named = {each["assignment"]["decision_id"] for each in outcome.dispatched}
    assert [decision for decision in named if store.decision(decision) is None] == []


def explained(store: Store, document: Mapping[str, Any]) -> tuple[object, ...]:
    now = datetime.now(UTC)
    told: Any = inquire(store, store.active_rules, document, demo_settings(Path("unused")).policy, moment=now)
    if told["sender"] is None:
        return (told["reason"],)
    names = ("decision_id", "source", "grade", "reason", "warnings", "rules_version")
    return tuple(told["sender"].values()) + tuple(told[name] for name in names)


def worked(done: Mapping[str, Any]) -> tuple[object, ...]:
    """The same of an enriched message, or of a notice."""
    if "assignment" not in done:
        return (done["reason"],)
    names = ("decision_id", "source", "grade", "reason", "warnings", "rules_version")
    sender = (done["sender_id"], done["sender_type"], done["sender_country_code"])
    return sender + tuple(done["assignment"][name] for name in names)
