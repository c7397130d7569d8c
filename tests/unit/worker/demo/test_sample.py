"""The sample: the same at every run, and as rich as the demo promises."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from core.engine.decision import Policy
from core.inventory.importing import InventoryImport
from core.sender import RegistrationStatus, SenderType
from core.storage.database import open_engine
from core.storage.upgrade import upgrade
from core.store import Store
from worker.demo.sample import INVENTORY_FILE, LAPSED_ACCOUNT, LAPSED_SENDER, regions, sample_campaign, sample_messages


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in INVENTORY_FILE.read_text().splitlines()]


def test_it_sends_the_same_messages_at_every_run() -> None:
    assert sample_messages() == sample_messages()
    assert sample_campaign() == sample_campaign()


def test_it_writes_to_every_region_that_has_mobile_numbers() -> None:
    readable = Counter(document[:1] for document in sample_messages())
    assert len(regions()) > 230
    assert readable[b"{"] > 2000


def test_it_repeats_messages_on_purpose_only() -> None:
    repeated = {document: count for document, count in Counter(sample_messages()).items() if count > 1}
    assert (len(repeated), set(repeated.values())) == (40, {2})


def test_it_shows_every_type_and_every_standing(lines: list[dict[str, Any]]) -> None:
    kinds = Counter(line["kind"] for line in lines)
    senders = [line for line in lines if line["kind"] == "sender"]
    registrations = [line for line in lines if line["kind"] == "registration"]
    assert kinds["account"] >= 6
    assert kinds["sender"] >= 40
    assert {line["sender_type"] for line in senders} == {each.value for each in SenderType}
    assert len({line.get("sender_country_code") for line in senders} - {None}) >= 25
    assert {line["status"] for line in registrations} == {each.value for each in RegistrationStatus}
    assert any(line["account_id"] is None for line in senders)
    assert [line["account_id"] for line in lines if line.get("may_borrow") is False] == ["northwind-labs"]


def test_it_imports_and_imports_again_without_a_change(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    url = f"sqlite:///{tmp_path}/sample.sqlite3"
    upgrade(url)
    store = Store(open_engine(url))
    store.ensure_rules()
    importer = InventoryImport(store, store.active_rules, Policy())
    assert importer.run(INVENTORY_FILE, "test").changed == len(lines)
    assert importer.run(INVENTORY_FILE, "test").changed == 0
    store.engine.dispose()


def test_it_names_a_default_that_lapses(lines: list[dict[str, Any]]) -> None:
    defaults = [line for line in lines if line["kind"] == "default" and line["account_id"] == LAPSED_ACCOUNT]
    assert LAPSED_SENDER in {strategy["sender_id"] for line in defaults for strategy in line["strategies"]}
