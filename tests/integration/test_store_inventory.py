"""Inventory files into both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from core.accounts.accounts import Accounts, AccountStatus
from core.accounts.logins import ApiKeys
from core.accounts.senders import Senders
from core.defaults.default_senders import DefaultSenders
from core.defaults.pages import PageRequest
from core.engine.decision import Policy
from core.errors import NotFoundError, RefusedError
from core.inventory.importing import InventoryImport, InventorySummary
from core.rules.files import shipped_rules
from core.sender import Registration, RegistrationStatus, SenderStatus, SenderType
from core.storage.scopes import account_scope
from core.store import Store
from tests.support.store_fixtures import NOW, RecordingSink, filled_schema

ACME: dict[str, Any] = {
    "kind": "account",
    "account_id": "acme",
    "name": "Acme",
    "api_key": "a key from a file of theirs",
}
SHOP: dict[str, Any] = {"kind": "account", "account_id": "shop", "parent": "acme", "may_borrow": True}
NUMBER: dict[str, Any] = {
    "kind": "sender",
    "account_id": "acme",
    "sender_id": "+61491570156",
    "sender_type": "longcode",
    "trust": 70,
}
POOL: dict[str, Any] = {"kind": "sender", "account_id": None, "sender_id": None, "sender_type": "shared_longcode"}
APPROVED: dict[str, Any] = {
    "kind": "registration",
    "account_id": "acme",
    "sender_id": "61491570156",
    "sender_type": "longcode",
    "country": "UK",
    "status": "approved",
}
NAME: dict[str, Any] = {"kind": "sender", "account_id": "acme", "sender_id": "ACME", "sender_type": "alpha_tag"}
NAMED = APPROVED | {"sender_id": "ACME", "sender_type": "alpha_tag", "country": "AT"}
DEFAULT: dict[str, Any] = {
    "kind": "default",
    "account_id": "shop",
    "country": "AU",
    "strategies": [{"sender_type": "longcode", "sender_id": "+61491570156"}],
}
FILE = [ACME, SHOP, NUMBER, POOL, APPROVED, DEFAULT]


@pytest.fixture
def sink() -> RecordingSink:
    return RecordingSink()


@pytest.fixture
def store(tables_url: str, sink: RecordingSink) -> Iterator[Store]:
    with filled_schema(tables_url) as engine:
        yield Store(engine, sink, lambda: NOW)


def run(store: Store, lines: Sequence[dict[str, Any]]) -> InventorySummary:
    texts = [json.dumps(line).encode() + b"\n" for line in lines]
    return InventoryImport(store, shipped_rules, Policy()).run(texts, "ops")


def refusal(store: Store, lines: Sequence[dict[str, Any]]) -> list[str]:
    with pytest.raises(RefusedError) as refused:
        run(store, lines)
    return [error.field for error in refused.value.errors]


def counts(summary: InventorySummary) -> dict[str, tuple[int, int, int]]:
    return {kind: (n["created"], n["updated"], n["unchanged"]) for kind, n in summary.as_dict().items()}


def test_it_imports_a_file(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "inventory.jsonl"
    path.write_text("\ufeff" + "".join(json.dumps(line) + "\n\n" for line in FILE), encoding="utf-8")
    summary = InventoryImport(store, shipped_rules, Policy()).run(path, "ops")
    created = {
        "account": (2, 0, 0),
        "sender": (2, 0, 0),
        "registration": (1, 0, 0),
        "default": (1, 0, 0),
        "destination": (0, 0, 0),
    }
    assert counts(summary) == created
    assert summary.changed == 6
    shop = Accounts(store).get("shop")
    assert (shop.parent, shop.status) == ("acme", AccountStatus.ACTIVE)
    visitor = ApiKeys(store).authenticate("acme", "a key from a file of theirs")
    assert visitor is not None
    assert visitor.account == Accounts(store).get("acme")
    number = Senders(store).get("acme", "+61491570156")
    assert (number.country, number.trust) == ("AU", 70)
    assert number.registrations == (Registration("GB", RegistrationStatus.APPROVED),)
    (default,) = DefaultSenders(store, shipped_rules, Policy()).page("shop", PageRequest()).items
    assert default.strategies[0].sender_country_code == "AU"


def test_it_changes_nothing_the_second_time(store: Store, sink: RecordingSink) -> None:
    run(store, FILE)
    epochs = store.epochs_changed_since(NOW)
    published = len(sink.published)
    summary = run(store, FILE)
    assert summary.changed == 0
    unchanged = {
        "account": (0, 0, 2),
        "sender": (0, 0, 2),
        "registration": (0, 0, 1),
        "default": (0, 0, 1),
        "destination": (0, 0, 0),
    }
    assert counts(summary) == unchanged
    assert store.epochs_changed_since(NOW) == epochs
    assert len(sink.published) == published
    assert len(ApiKeys(store).of("acme")) == 1


def test_it_does_not_mind_the_order_of_lines(tables_url: str) -> None:
    with filled_schema(tables_url) as engine:
        store = Store(engine, clock=lambda: NOW)
        for position, lines in enumerate(list(permutations(FILE))[::120]):
            renamed = json.loads(
                json.dumps(lines).replace('"acme"', f'"acme{position}"').replace('"shop"', f'"s{position}"')
            )
            assert counts(run(store, renamed))["account"] == (2, 0, 0)


def test_it_updates_what_differs_and_leaves_what_is_not_said(store: Store) -> None:
    run(store, FILE)
    Accounts(store).suspend("acme")
    Senders(store).set_status("acme", "+61491570156", SenderStatus.SUSPENDED)
    number = {key: NUMBER[key] for key in ("kind", "account_id", "sender_id", "sender_type")} | {"mms": True}
    summary = run(store, [ACME | {"name": "Acme Ltd"}, number, APPROVED | {"valid_until": "2030-01-01"}])
    assert counts(summary) == {
        "account": (0, 1, 0),
        "sender": (0, 1, 0),
        "registration": (0, 1, 0),
        "default": (0, 0, 0),
        "destination": (0, 0, 0),
    }
    acme = Accounts(store).get("acme")
    assert (acme.name, acme.status) == ("Acme Ltd", AccountStatus.SUSPENDED)
    sender = Senders(store).get("acme", "+61491570156")
    assert (sender.status, sender.trust, sender.mms) == (SenderStatus.SUSPENDED, 70, True)
    assert sender.registrations[0].valid_until is not None
    run(store, [ACME | {"status": "active", "name": None}, number | {"trust": None, "status": "active"}])
    assert (Accounts(store).get("acme").name, Accounts(store).get("acme").status) == (None, AccountStatus.ACTIVE)
    assert Senders(store).get("acme", "+61491570156").trust == 50


def test_it_raises_only_the_epochs_of_what_changed(store: Store, sink: RecordingSink) -> None:
    run(store, [*FILE, {"kind": "account", "account_id": "other"}])
    sink.published.clear()
    run(store, [{"kind": "account", "account_id": "acme", "name": "Another name"}])
    assert sink.published == []
    run(store, [NUMBER | {"trust": 71}])
    assert [set(values) for values in sink.published] == [{account_scope("acme"), account_scope("shop")}]
    sink.published.clear()
    run(store, [POOL | {"trust": 10}])
    assert [set(values) for values in sink.published] == [{"platform"}]


def test_it_does_not_bring_back_a_revoked_key(store: Store) -> None:
    run(store, [ACME])
    keys = ApiKeys(store)
    keys.revoke("acme", keys.of("acme")[0].key_id)
    assert counts(run(store, [ACME]))["account"] == (0, 0, 1)
    assert keys.authenticate("acme", "a key from a file of theirs") is None
    assert counts(run(store, [ACME | {"api_key": "a new key, not a short one"}]))["account"] == (0, 1, 0)
    assert keys.authenticate("acme", "a new key, not a short one") is not None


def test_it_replaces_a_default(store: Store) -> None:
    run(store, FILE)
    second = NUMBER | {"sender_id": "+61491570157"}
    both = DEFAULT | {
        "strategies": [{"sender_type": "longcode", "sender_id": s} for s in ("+61491570157", "+61491570156")]
    }
    assert counts(run(store, [second, both]))["default"] == (0, 1, 0)
    (default,) = DefaultSenders(store, shipped_rules, Policy()).page("shop", PageRequest()).items
    assert [strategy.sender_id for strategy in default.strategies] == ["+61491570157", "+61491570156"]


def test_it_does_not_judge_again_a_default_that_stays(store: Store) -> None:
    run(store, FILE)
    Senders(store).set_status("acme", "+61491570156", SenderStatus.EXPIRED)
    assert run(store, FILE).changed == 0


@pytest.mark.parametrize(
    ("lines", "fields"),
    [
        pytest.param([ACME, SHOP, ACME], ["line 3"], id="a line twice"),
        pytest.param([ACME, NUMBER, NUMBER | {"sender_id": "61491570156"}], ["line 3"], id="a sender twice"),
        pytest.param(
            [ACME, {"kind": "x"}, NUMBER | {"trust": -1}],
            ["line 2, field kind", "line 3, field trust"],
            id="bad fields",
        ),
        pytest.param([SHOP], ["line 1, field parent"], id="no such parent"),
        pytest.param(
            [ACME, SHOP, SHOP | {"account_id": "s2", "parent": "shop"}], ["line 3, field parent"], id="too deep"
        ),
        pytest.param([ACME | {"parent": "acme"}], ["line 1, field parent"], id="its own parent"),
        pytest.param([NUMBER], ["line 1, field account_id"], id="sender of nobody"),
        pytest.param([ACME, APPROVED], ["line 2, field sender_id"], id="registration of no sender"),
        pytest.param([APPROVED], ["line 1, field account_id"], id="registration of nobody"),
        pytest.param(
            [ACME, NAME, NAMED | {"sender_id": "acme"}], ["line 3, field sender_id"], id="a name in another case"
        ),
        pytest.param(
            [ACME, NUMBER, APPROVED, APPROVED | {"sender_id": "0491 570 156"}],
            ["line 4, field sender_id"],
            id="a sender registered twice",
        ),
        pytest.param([DEFAULT], ["line 1, field account_id"], id="default of nobody"),
        pytest.param([ACME, SHOP, DEFAULT], ["line 3, field strategies[0].sender_id"], id="default not owned"),
        pytest.param(
            [ACME, SHOP, NUMBER | {"status": "pending"}, DEFAULT],
            ["line 4, field strategies[0].sender_id"],
            id="default not active",
        ),
        pytest.param(
            [ACME, NUMBER, DEFAULT | {"account_id": "acme", "country": "CN"}],
            ["line 3, field strategies[0].sender_id"],
            id="default not compliant",
        ),
    ],
)
def test_it_refuses_a_file_whole(
    store: Store, sink: RecordingSink, lines: list[dict[str, Any]], fields: list[str]
) -> None:
    assert refusal(store, lines) == fields
    assert Accounts(store).page() == []
    assert Senders(store).page(None).senders == ()
    assert sink.published == []


def test_it_registers_a_name_in_another_case_where_the_country_counts_none(store: Store) -> None:
    run(store, [ACME, NAME, NAMED | {"sender_id": "acme", "country": "AU"}])
    assert Senders(store).get("acme", "ACME").registrations == (Registration("AU", RegistrationStatus.APPROVED),)


def test_it_refuses_a_parent_for_an_account_with_sub_accounts(store: Store) -> None:
    run(store, [ACME, SHOP, {"kind": "account", "account_id": "top"}])
    assert refusal(store, [{"kind": "account", "account_id": "acme", "parent": "top"}]) == ["line 1, field parent"]
    moves = [
        {"kind": "account", "account_id": "new", "parent": "other"},
        {"kind": "account", "account_id": "other"},
        {"kind": "account", "account_id": "top", "parent": "acme"},
    ]
    run(store, moves)
    assert Accounts(store).get("top").parent == "acme"


def test_it_names_a_hundred_errors_at_most(store: Store) -> None:
    lines = [{"kind": "account", "account_id": ""} for _ in range(500)]
    fields = refusal(store, lines)
    assert fields == [f"line {number}, field account_id" for number in range(1, 101)]


def test_it_refuses_a_file_that_is_not_there(store: Store, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be read"):
        InventoryImport(store, shipped_rules, Policy()).run(tmp_path / "none.jsonl", "ops")


def test_it_writes_more_lines_than_fit_into_a_statement(store: Store) -> None:
    lines: list[dict[str, Any]] = [{"kind": "account", "account_id": f"a{n}"} for n in range(1200)]
    lines += [NUMBER | {"account_id": f"a{n % 1200}", "sender_id": f"+614{n:08d}"} for n in range(2500)]
    summary = run(store, list(reversed(lines)))
    assert counts(summary)["sender"] == (2500, 0, 0)
    assert run(store, lines).changed == 0
    assert len(Senders(store).page("a0", sender_type=SenderType.LONGCODE).senders) == 3
    with pytest.raises(NotFoundError):
        Senders(store).page("a1200")
