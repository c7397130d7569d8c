from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.rules.files import SHIPPED_FILE, shipped_rules
from tests.support.cli_runner import Cli, embedded_cli

RULE_KEYS = {
    "sender_type",
    "sender_country",
    "status",
    "effective_from",
    "effective_until",
    "sources",
    "as_of",
    "confidence",
    "notes",
}


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return embedded_cli(tmp_path / "data")


@pytest.fixture
def changed_file(tmp_path: Path) -> Path:
    """The shipped rules, but Germany refuses names."""
    header, *lines = SHIPPED_FILE.read_text("utf-8").splitlines()
    at = header.split(",").index("alphanumeric")
    path = tmp_path / "rules.csv"
    path.write_text("\n".join([header, *(_prohibited(line, at) for line in lines)]) + "\n", "utf-8")
    return path


def _prohibited(line: str, at: int) -> str:
    if not line.startswith("DE,"):
        return line
    cells = line.split(",")
    cells[at] = "prohibited"
    return ",".join(cells)


def test_it_shows_a_country_as_the_contract_says(cli: Cli) -> None:
    shown = cli.done("rules", "show", "au")
    assert shown["country"] == "AU"
    assert shown["rules_version"] == shipped_rules().version
    assert all(rule.keys() >= RULE_KEYS for rule in shown["rules"])
    names = [rule for rule in shown["rules"] if rule["sender_type"] == "alpha_tag"]
    assert [(rule["status"], rule["effective_from"]) for rule in names] == [
        ("allowed", None),
        ("registration_required", "2026-07-01T00:00:00+00:00"),
    ]
    assert names[1]["unregistered"] == "altered"


@pytest.mark.parametrize(("code", "country"), [("UK", "GB"), ("gb", "GB"), ("AC", "AC")])
def test_it_reads_country_codes_as_people_write_them(cli: Cli, code: str, country: str) -> None:
    shown = cli.done("rules", "show", code)
    assert shown["country"] == country
    assert shown["rules"]


@pytest.mark.parametrize(
    "words",
    [
        ("rules", "show", "ZZ"),
        ("rules", "list", "--country", "ZZ"),
        ("rules", "override", "ZZ", "alpha_tag", "--status", "blocked", "--reason", "r"),
        ("rules", "overrides", "--country", "ZZ"),
    ],
)
def test_it_refuses_an_unknown_country(cli: Cli, words: tuple[str, ...]) -> None:
    assert "there is no country 'ZZ'" in cli.refused(*words)


def test_it_lists_what_is_in_force(cli: Cli) -> None:
    listed = cli.done("rules", "list", "--country", "AU", "--type", "alpha_tag")
    assert [rule["status"] for rule in listed["rules"]] == ["registration_required"]
    assert len({rule["country"] for rule in cli.done("rules", "list")["rules"]}) == len(shipped_rules().countries())


def test_it_prints_tables_for_people(cli: Cli) -> None:
    said = cli.run("rules", "show", "GB").stdout
    assert "United Kingdom (GB)" in said
    assert "alpha_tag" in said


def test_it_overrides_a_rule_until_it_is_told_otherwise(cli: Cli) -> None:
    words = ("rules", "override", "DE", "alpha_tag", "--status", "blocked", "--reason", "carrier says so")
    added = cli.done(*words, "--until", "2100-01-01")["override"]
    assert (added["country"], added["status"], added["sender_country"]) == ("DE", "blocked", "any")
    assert added["effective_until"] == "2100-01-01T00:00:00+00:00"
    shown = cli.done("rules", "show", "DE")
    assert shown["rules"][0]["override_reason"] == "carrier says so"
    assert shown["rules_version"].startswith(f"{shipped_rules().version}+")
    assert [each["id"] for each in cli.done("rules", "overrides")["overrides"]] == [added["id"]]

    cli.done("rules", "override-remove", str(added["id"]))
    assert cli.done("rules", "overrides")["overrides"] == []
    assert cli.done("rules", "overrides", "--removed")["overrides"][0]["removed_at"] is not None
    assert "no override" in cli.refused("rules", "override-remove", str(added["id"]))


@pytest.mark.parametrize(
    ("options", "exit_code", "said"),
    [
        pytest.param(("--status", "blocked"), 2, "--reason", id="no reason"),
        pytest.param(("--status", "blocked", "--reason", " "), 1, "needs a reason", id="an empty reason"),
        pytest.param(("--reason", "r"), 2, "--status", id="no status"),
        pytest.param(("--status", "no", "--reason", "r"), 2, "registration_required", id="an unknown status"),
        pytest.param(
            ("--status", "blocked", "--reason", "r", "--until", "2020-01-01"), 1, "has passed", id="over already"
        ),
        pytest.param(("--status", "blocked", "--reason", "r", "--until", "soon"), 2, "neither a date", id="no time"),
        pytest.param(
            ("--status", "blocked", "--reason", "r", "--unregistered", "altered"), 2, "goes with", id="pointless grade"
        ),
    ],
)
def test_it_refuses_a_bad_override(cli: Cli, options: tuple[str, ...], exit_code: int, said: str) -> None:
    assert said in cli.refused("rules", "override", "DE", "alpha_tag", *options, exit_code=exit_code)


def test_it_tells_what_a_file_would_change_and_changes_it(cli: Cli, changed_file: Path) -> None:
    told = cli.done("rules", "diff", str(changed_file))
    assert told["from"] == shipped_rules().version
    assert [(each["country"], each["sender_type"], each["after"], each["now"]) for each in told["changes"]] == [
        ("DE", "alpha_tag", "blocked", True)
    ]

    dry = cli.done("rules", "import", str(changed_file), "--dry-run")
    assert (dry["version"], dry["imported"], dry["changes"]) == (told["to"], False, 1)
    assert cli.done("rules", "show", "DE")["rules_version"] == told["from"]

    assert cli.done("rules", "import", str(changed_file))["imported"] is True
    assert cli.done("rules", "import", str(changed_file))["imported"] is False
    assert cli.done("rules", "show", "DE")["rules_version"] == told["to"]
    active = {each["version"]: each["active"] for each in cli.done("rules", "versions")["versions"]}
    assert active == {told["from"]: False, told["to"]: True}


def test_it_keeps_overrides_over_imports(cli: Cli, changed_file: Path) -> None:
    cli.done("rules", "override", "FR", "alpha_tag", "--status", "blocked", "--reason", "r")
    cli.done("rules", "import", str(changed_file))
    assert cli.done("rules", "show", "FR")["rules"][0]["override_reason"] == "r"


def test_it_refuses_a_bad_file_whole_and_names_the_place(cli: Cli, changed_file: Path) -> None:
    bad = changed_file.read_text("utf-8").replace("prohibited", "prohibitted", 1)
    said = cli.refused("rules", "import", "-", stdin=bad)
    assert "line " in said
    assert "'prohibitted' is not one of" in said
    assert len(cli.done("rules", "versions")["versions"]) == 1


def test_it_keeps_the_rules_of_countries_that_a_file_leaves_out(cli: Cli, changed_file: Path) -> None:
    header, *lines = changed_file.read_text("utf-8").splitlines()
    germany = "\n".join([header, *(line for line in lines if line.startswith("DE,"))])
    every = len(shipped_rules().countries())
    cli.done("rules", "override", "FR", "alpha_tag", "--status", "blocked", "--reason", "r")
    told = cli.done("rules", "diff", "-", stdin=germany)
    assert [(each["country"], each["sender_type"]) for each in told["changes"]] == [("DE", "alpha_tag")]
    assert told["kept_countries"] == every - 1

    done = cli.done("rules", "import", "-", stdin=germany)
    assert (done["imported"], done["countries"], done["changes"]) == (True, every, 1)
    shown = cli.done("rules", "show", "DE")
    assert {rule["status"] for rule in shown["rules"] if rule["sender_type"] == "alpha_tag"} == {"blocked"}
    assert shown["rules_version"].startswith(f"{done['version']}+")
    assert done["version"] == told["to"] != shipped_rules().version
    assert len(cli.done("rules", "show", "AU")["rules"]) == len(shipped_rules().rules_of("AU"))
    assert cli.done("rules", "show", "FR")["rules"][0]["override_reason"] == "r"
    assert cli.done("rules", "import", "-", stdin=germany)["imported"] is False


def test_it_takes_the_other_countries_rules_away_where_a_file_is_the_whole(cli: Cli, changed_file: Path) -> None:
    few = "\n".join(changed_file.read_text("utf-8").splitlines()[:3])
    result = cli.run("rules", "import", "-", "--replace", "--dry-run", "--json", stdin=few)
    assert json.loads(result.stdout)["countries"] == 2
    assert "leaves without rules" in result.stderr
    assert "keep their rules" in cli.run("rules", "import", "-", "--dry-run", stdin=few).stdout
    assert cli.done("rules", "import", "-", "--replace", stdin=few)["imported"] is True
    assert {rule["country"] for rule in cli.done("rules", "list")["rules"]} == {"AD", "AE"}


def test_it_shows_the_facts_of_a_country_with_their_sources(cli: Cli) -> None:
    profile = cli.done("rules", "show", "AT")["profile"]
    assert (profile["alpha_case_sensitive"], profile["alpha_characters"]) == (True, " +-_&")
    fact = next(each for each in profile["facts"] if each["field"] == "alpha_case_sensitive")
    assert (fact["effective_from"], fact["sources"], fact["certainty"]) == (
        "2026-10-01T00:00:00+00:00",
        ["aws"],
        "high",
    )
    told = cli.run("rules", "show", "AE").stdout
    assert "promotion from names: registration, marked AD-*, 07:00-21:00" in told
    assert "links in texts: registration" in told


def test_it_names_the_rules_that_want_a_look(cli: Cli) -> None:
    found = cli.done("rules", "check", "--days", "3650")
    assert found["rules_version"] == shipped_rules().version
    assert {"country": "AQ", "sources": [], "looked_at": None}.items() <= found["stale"][0].items()
    assert all(len(group["sources"]) == 1 for group in found["single_source"])
    assert "On one source: " in cli.run("rules", "check").stdout
