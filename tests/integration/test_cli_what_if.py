"""`rules diff` with the accounts that would feel it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.rules.files import SHIPPED_FILE, read_rules
from core.rules.line_file import written_lines
from tests.support.cli_runner import Cli, embedded_cli

LINES: list[dict[str, object]] = [
    {"kind": "account", "account_id": "haus"},
    {"kind": "sender", "account_id": "haus", "sender_id": "HAUS", "sender_type": "alpha_tag"},
    {"kind": "account", "account_id": "other"},
    {"kind": "sender", "account_id": "other", "sender_id": "OTHER", "sender_type": "alpha_tag"},
    {
        "kind": "default",
        "account_id": "haus",
        "country": "DE",
        "strategies": [{"sender_type": "alpha_tag", "sender_id": "HAUS"}],
    },
]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Two accounts with names, of which one is a default for Germany."""
    cli = embedded_cli(tmp_path / "data")
    cli.done("inventory", "import", "-", stdin="".join(json.dumps(line) + "\n" for line in LINES))
    return cli


def without_names(tmp_path: Path, begins: str | None = None) -> str:
    """The shipped rules, but Germany refuses names, from a date or always."""
    written = tmp_path / "rules.jsonl"
    with written.open("w", encoding="utf-8") as file:
        for line in written_lines(read_rules(SHIPPED_FILE)):
            for document in _changed(json.loads(line), begins):
                file.write(json.dumps(document) + "\n")
    return str(written)


def _tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0).isoformat()


def _changed(document: dict[str, object], begins: str | None) -> list[dict[str, object]]:
    if (document.get("country"), document.get("sender_type")) != ("DE", "alpha_tag"):
        return [document]
    refusal = document | {"status": "blocked", "effective_from": begins}
    return [refusal] if begins is None else [document | {"effective_until": begins}, refusal]


def test_it_says_whose_defaults_and_choices_would_change(cli: Cli, tmp_path: Path) -> None:
    affected = cli.done("rules", "diff", without_names(tmp_path))["affected"]
    assert affected["counts"] == {
        "defaults": {"broken": 1, "mended": 0},
        "smart": {"lost": 2, "gained": 0, "changed": 0, "regraded": 0},
        "accounts": 2,
    }
    (default,) = affected["defaults"]
    assert (default["account_id"], default["country"], default["product"]) == ("haus", "DE", "SMS")
    assert (default["before"]["usable"], default["after"]["usable"]) == (True, False)
    first, second = affected["smart"]
    assert (first["account_id"], first["before"]["source"], first["after"]["sender"]) == ("haus", "default", None)
    assert (second["before"]["sender"]["sender_id"], second["after"]["reason"]) == ("OTHER", "NO_COMPLIANT_SENDER")


def test_it_counts_all_and_lists_some(cli: Cli, tmp_path: Path) -> None:
    file = without_names(tmp_path)
    affected = cli.done("rules", "diff", file, "--accounts", "1")["affected"]
    assert (len(affected["smart"]), affected["counts"]["smart"]["lost"]) == (1, 2)
    assert cli.done("rules", "diff", file, "--no-accounts")["affected"] is None
    assert "1 more are counted and not listed" in cli.run("rules", "diff", file, "--accounts", "1").stdout


def test_it_looks_at_a_moment_to_come(cli: Cli, tmp_path: Path) -> None:
    file = without_names(tmp_path, "2199-01-01T00:00:00+00:00")
    today = cli.done("rules", "diff", file)
    assert [change["now"] for change in today["changes"]] == [False]
    assert (today["affected"]["later_from"], today["affected"]["smart"]) == ("2199-01-01T00:00:00.000000Z", [])
    then = cli.done("rules", "diff", file, "--at", "2199-01-01")["affected"]
    assert then["counts"]["accounts"] == 2
    assert "see --at 2199-01-01T00:00:00Z" in cli.run("rules", "diff", file).stdout


def test_it_judges_with_the_local_corrections_that_outlive_versions(cli: Cli, tmp_path: Path) -> None:
    cli.done("rules", "override", "DE", "alpha_tag", "--status", "allowed", "--reason", "our contract")
    assert cli.done("rules", "diff", without_names(tmp_path))["affected"]["counts"]["accounts"] == 0


def test_it_shows_a_refusal_to_come_as_a_risk_today(cli: Cli, tmp_path: Path) -> None:
    cli.done("rules", "import", without_names(tmp_path, "2199-01-01T00:00:00+00:00"))
    assert cli.done("defaults", "check")["at_risk"] == []
    cli.done("rules", "import", without_names(tmp_path, _tomorrow()))
    (risk,) = cli.done("defaults", "check", "--days", "2")["at_risk"]
    assert (risk["account_id"], risk["usable_now"], risk["risks"][0]["reason"]) == ("haus", True, "TYPE_BLOCKED")
    assert risk["at_risk_from"][:10] == _tomorrow()[:10]
