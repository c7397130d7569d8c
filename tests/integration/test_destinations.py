"""Destinations in SQL, from the command line, in an inventory file, and what a running worker makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.accounts.accounts import Accounts
from core.accounts.destinations import DestinationChange, Destinations
from core.defaults.assign_all import AssignAll
from core.engine.decision import Facts, Policy, Request
from core.engine.destinations import DestinationMode, nearest_destination
from core.errors import NotFoundError
from core.store import Store
from tests.support.accounts import AU_NUMBER, open_store, seed
from tests.support.cli_runner import Cli

ALLOW, BLOCK, MONITOR = DestinationMode.ALLOW, DestinationMode.BLOCK, DestinationMode.MONITOR


@pytest.fixture
def store(database_url: str, redis_url: str) -> Iterator[Store]:
    seed(database_url, redis_url)
    with open_store(database_url, redis_url) as opened:
        Accounts(opened).add("shop", parent="acme")
        yield opened


def mode(store: Store, account_id: str, country: str, subaccount_id: str | None = None) -> DestinationMode:
    request = Request(account_id, subaccount_id, country)
    found = store.load_facts([request])[request]
    assert isinstance(found, Facts)
    return nearest_destination(country, found.destinations, ALLOW).mode


def test_the_nearest_of_four_settings_counts(store: Store) -> None:
    destinations = Destinations(store)
    destinations.change("acme", [None], BLOCK, by="ops")
    destinations.change("acme", ["GB"], MONITOR, by="ops")
    assert [mode(store, "acme", code, "shop") for code in ("GB", "AU")] == [MONITOR, BLOCK]
    destinations.change("shop", [None], ALLOW, by="ops")
    assert [mode(store, "acme", code, "shop") for code in ("GB", "AU")] == [ALLOW, ALLOW]
    destinations.change("shop", ["AU"], BLOCK, by="ops")
    assert [mode(store, "shop", code) for code in ("GB", "AU")] == [ALLOW, BLOCK]
    assert [mode(store, "acme", code) for code in ("GB", "AU")] == [MONITOR, BLOCK]


def test_many_requests_in_one_statement_get_each_their_own(store: Store) -> None:
    Destinations(store).change("acme", ["GB"], BLOCK, by="ops")
    Destinations(store).change("shop", [None], MONITOR, by="ops")
    asked = [Request("acme", sub, country) for sub in (None, "shop") for country in ("GB", "AU")]
    found = store.load_facts(asked)
    modes = [nearest_destination(r.country, found[r].destinations, ALLOW).mode for r in asked]  # type: ignore[union-attr]
    assert modes == [BLOCK, ALLOW, MONITOR, MONITOR]


def test_a_change_is_written_once_with_its_history_and_epoch(store: Store) -> None:
    destinations = Destinations(store)
    before = store.epochs(["account:acme", "account:shop"])
    dry = destinations.change("acme", ["GB", "AU", "GB"], BLOCK, by="ops", dry_run=True)
    assert dry == (DestinationChange("GB", None, BLOCK), DestinationChange("AU", None, BLOCK))
    assert destinations.of("acme") == []
    assert destinations.change("acme", ["GB", "AU"], BLOCK, by="ops") == dry
    assert destinations.change("acme", ["AU", None], MONITOR, by="eve")[0].before is BLOCK
    destinations.change("acme", ["AU"], MONITOR, by="nobody")
    destinations.change("acme", ["GB"], None, by="eve")
    held = [(each.country, each.mode, each.changed_by) for each in destinations.of("shop", inherited=True)]
    assert held == [("AU", MONITOR, "eve"), (None, MONITOR, "eve")]
    told = [(each.country, each.changed_by, each.before, each.after) for each in destinations.history("acme")]
    assert told[0] == ("GB", "eve", BLOCK, None)
    assert len(told) == 5
    after = store.epochs(["account:acme", "account:shop"])
    assert {scope: after[scope] - before[scope] for scope in after} == {"account:acme": 3, "account:shop": 3}
    with pytest.raises(NotFoundError):
        destinations.change("nobody", ["GB"], BLOCK, by="ops")


def test_assign_all_shows_where_the_account_does_not_send(store: Store) -> None:
    Destinations(store).change("acme", ["AU"], BLOCK, by="ops")
    Destinations(store).change("acme", ["US"], MONITOR, by="ops")
    found = AssignAll(store, store.active_rules, Policy()).run("acme", ["AU", "US"], by="ops", dry_run=True)
    told = [(each.country, each.reason, each.destination.mode) for each in found]
    assert told[0] == ("AU", "COUNTRY_NOT_ENABLED", BLOCK)
    assert told[1][2] is MONITOR


@pytest.fixture
def cli(store: Store, database_url: str, redis_url: str) -> Cli:
    return Cli({"SMART_ASSIGN_DATABASE_URL": database_url, "SMART_ASSIGN_BROKER_URL": redis_url})


def test_the_command_line_sets_lists_and_unsets(cli: Cli) -> None:
    region = cli.done("destinations", "set", "--account", "acme", "--region", "eu", "--mode", "block", "--dry-run")
    assert (len(region["destinations"]), region["dry_run"]) == (27, True)
    cli.done("destinations", "set", "--account", "acme", "--rest", "--mode", "monitor")
    done = cli.done("destinations", "set", "--account", "acme", "--countries", "AU,uk", "--mode", "block")
    assert done["destinations"][1] == {"country": "GB", "before": None, "after": "block", "changed": True}
    listed = cli.done("destinations", "list", "--account", "shop", "--inherited")
    assert [(each["country"], each["mode"]) for each in listed["destinations"]] == [
        ("AU", "block"),
        ("GB", "block"),
        (None, "monitor"),
    ]
    explained = json.loads(
        cli.run("explain", "--account", "acme", "--to", "+61491570156", "--sender-id", AU_NUMBER, "--json").stdout
    )
    assert (explained["reason"], explained["destination"]["mode"]) == ("COUNTRY_NOT_ENABLED", "block")
    cli.done("destinations", "unset", "--account", "acme", "--countries", "AU")
    watched = cli.done("explain", "--account", "acme", "--to", "+61491570156")
    assert watched["warnings"] == ["COUNTRY_MONITORED"]


@pytest.mark.parametrize(
    "words",
    [
        ("--mode", "block"),
        ("--mode", "block", "--rest", "--countries", "AU"),
        ("--mode", "block", "--region", "Atlantis"),
        ("--rest",),
        ("--rest", "--mode", "never"),
    ],
)
def test_the_command_line_refuses_what_is_not_clear(cli: Cli, words: tuple[str, ...]) -> None:
    assert cli.run("destinations", "set", "--account", "acme", *words).exit_code == 2


def test_an_inventory_file_sets_destinations(cli: Cli, store: Store, tmp_path: Path) -> None:
    lines = [
        {"kind": "destination", "account_id": "acme", "country": "UK", "mode": "block"},
        {"kind": "destination", "account_id": "shop", "country": None, "mode": "monitor"},
    ]
    file = tmp_path / "inventory.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    counts = [cli.done("inventory", "import", str(file)) for _ in range(2)]
    told = [found.get("destination", found.get("counts", {}).get("destination")) for found in counts]
    assert told == [{"created": 2, "updated": 0, "unchanged": 0}, {"created": 0, "updated": 0, "unchanged": 2}]
    assert (mode(store, "acme", "GB"), mode(store, "acme", "GB", "shop")) == (BLOCK, MONITOR)
    file.write_text(json.dumps({"kind": "destination", "account_id": "acme", "mode": "no"}))
    refused = cli.run("inventory", "import", str(file))
    assert refused.exit_code == 1
    assert "line 1" in refused.stderr
    assert "country" in refused.stderr
