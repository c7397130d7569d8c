"""`defaults assign-all` and `defaults check` on the command line, with the shipped rules."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.cli_runner import Cli, embedded_cli

NUMBER, OWN = "+61491570006", "+61491570156"
#: An own number that must be confirmed again in ten days.
CONFIRMED = (datetime.now(UTC) - timedelta(days=355)).isoformat()

LINES: list[dict[str, object]] = [
    {"kind": "account", "account_id": "shop", "name": "Shop"},
    {"kind": "sender", "account_id": "shop", "sender_id": NUMBER, "sender_type": "longcode"},
    {
        "kind": "sender",
        "account_id": "shop",
        "sender_id": OWN,
        "sender_type": "own_number",
        "activated_at": CONFIRMED,
    },
]


@pytest.fixture
def shop(tmp_path: Path) -> Cli:
    cli = embedded_cli(tmp_path / "data")
    cli.done("inventory", "import", "-", stdin="".join(json.dumps(line) + "\n" for line in LINES))
    return cli


def test_it_assigns_many_countries(shop: Cli) -> None:
    words = ("defaults", "assign-all", "--account", "shop", "--countries", "AU,uk")
    shown = shop.done(*words, "--dry-run")
    assert shown.keys() == {"account_id", "product", "dry_run", "countries"}
    assert (shown["account_id"], shown["product"], shown["dry_run"]) == ("shop", "SMS", True)
    assert shop.done("defaults", "list", "--account", "shop")["defaults"] == []
    done = shop.done(*words)
    assert done == shown | {"dry_run": False}
    first = done["countries"][0]
    assert first.keys() == {"country", "outcome", "sender", "reason", "detail", "destination"}
    assert (first["country"], first["outcome"], first["reason"]) == ("AU", "assigned", "LOCAL_DEDICATED")
    assert first["sender"] == {"sender_id": NUMBER, "sender_type": "longcode", "sender_country_code": "AU"}
    assert [each["country"] for each in done["countries"]] == ["AU", "GB"]
    assert [each["outcome"] for each in shop.done(*words)["countries"]] == [
        "unchanged",
        done["countries"][1]["outcome"],
    ]


def test_it_leaves_alone_what_was_set_by_hand_unless_told(shop: Cli) -> None:
    by_hand = ("defaults", "set", "--account", "shop", "--country", "AU", "--sender-type", "own_number")
    shop.done(*by_hand, "--sender-id", OWN)
    words = ("defaults", "assign-all", "--account", "shop", "--countries", "AU")
    assert shop.done(*words)["countries"][0]["outcome"] == "left_alone"
    assert shop.done(*words, "--overwrite")["countries"][0]["outcome"] == "assigned"


def test_it_serves_every_country_that_it_can(shop: Cli) -> None:
    countries = shop.done("defaults", "assign-all", "--account", "shop", "--dry-run")["countries"]
    assert len(countries) > 5
    assert {each["outcome"] for each in countries} == {"assigned"}


def test_it_tells_people_what_it_assigned(shop: Cli) -> None:
    told = shop.run("defaults", "assign-all", "--account", "shop", "--countries", "AU", "--dry-run").stdout
    assert f"longcode {NUMBER}" in " ".join(told.split())
    assert "1 countries: 1 assigned. Nothing was changed: this was a dry run." in told


@pytest.mark.parametrize(
    ("countries", "exit_code", "said"),
    [
        pytest.param("AU,XX", 1, "no country 'XX'", id="no country"),
        pytest.param(" , ", 2, "at least one country", id="an empty list"),
    ],
)
def test_it_refuses_a_list_of_countries(shop: Cli, countries: str, exit_code: int, said: str) -> None:
    words = ("defaults", "assign-all", "--account", "shop", "--countries", countries)
    assert said in shop.refused(*words, exit_code=exit_code)


def test_it_warns_before_a_default_fails(shop: Cli) -> None:
    by_hand = ("defaults", "set", "--account", "shop", "--country", "AU", "--sender-type", "own_number")
    shop.done(*by_hand, "--sender-id", OWN)
    (risk,) = shop.done("defaults", "check", "--fail")["at_risk"]
    assert (risk["account_id"], risk["country"], risk["usable_now"]) == ("shop", "AU", True)
    assert risk["at_risk_from"] == risk["risks"][0]["at_risk_from"]
    assert (risk["risks"][0]["sender_id"], risk["risks"][0]["reason"]) == (OWN, "NOT_ACTIVE")
    assert shop.done("defaults", "check", "--days", "9") == {"days": 9, "at_risk": []}
    assert "ended at" in shop.run("defaults", "check", "--account", "shop").stdout


def test_it_fails_on_request_where_a_default_cannot_be_used(shop: Cli) -> None:
    by_hand = ("defaults", "set", "--account", "shop", "--country", "AU", "--sender-type", "longcode")
    shop.done(*by_hand, "--sender-id", NUMBER)
    shop.done("senders", "set-status", "--account", "shop", "--sender-id", NUMBER, "--status", "suspended")
    assert shop.run("defaults", "check", "--json").exit_code == 0
    failed = shop.run("defaults", "check", "--fail", "--json")
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["at_risk"][0]["usable_now"] is False
    assert failed.stderr == "smart-assign: 1 default sender cannot be used at present\n"
