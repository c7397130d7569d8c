from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.cache.decisions import DecisionCache
from core.encoding import encode_json
from core.engine.decision import Policy
from core.messages.assigner import Assigner
from core.storage.database import open_engine
from core.store import Store
from tests.support.cli_runner import Cli
from tests.support.services import RedisProcess

AU, DE, GB, NZ = "+61491570156", "+4915112345678", "+447400123456", "+64211234567"
NUMBER = "+61491570006"
TOP_KEYS = {
    "decision_id",
    "sender",
    "country",
    "product",
    "source",
    "grade",
    "reason",
    "warnings",
    "rules_version",
    "valid_until",
    "candidates",
}
CANDIDATE_KEYS = {
    "sender_id",
    "sender_type",
    "sender_country_code",
    "account_id",
    "rank",
    "rejected",
    "detail",
}


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Account `acme` with a number and a name, its sub-account, and a suspended account."""
    made = Cli({"SMART_ASSIGN_DATA_DIR": str(tmp_path / "data")})
    lines: list[dict[str, Any]] = [
        {"kind": "account", "account_id": "acme"},
        {"kind": "account", "account_id": "acme-2", "parent": "acme"},
        {"kind": "account", "account_id": "late", "status": "suspended"},
        {"kind": "sender", "account_id": "acme", "sender_id": NUMBER, "sender_type": "longcode"},
        {"kind": "sender", "account_id": "acme", "sender_id": "ACME", "sender_type": "alpha_tag"},
    ]
    made.done("inventory", "import", "-", stdin="".join(json.dumps(line) + "\n" for line in lines))
    return made


def refused(cli: Cli, *words: str) -> Any:
    """The document of an explanation without a sender."""
    result = cli.run("explain", *words, "--json")
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("smart-assign: No sender")
    document = json.loads(result.stdout)
    assert document.keys() >= TOP_KEYS
    assert document["sender"] is None
    return document


def keep(folder: Path, told: Any) -> None:
    """As a worker keeps a decision that a message has met."""
    store = Store(open_engine(f"sqlite:///{folder}/data/smart-assign.sqlite3"))
    store.save_decisions({told["decision_id"]: encode_json(told)}, store.clock())
    store.engine.dispose()


def test_it_has_the_shape_of_the_contract(cli: Cli) -> None:
    told = cli.done("explain", "--account", "acme", "--to", AU)
    assert told.keys() >= TOP_KEYS
    assert told["sender"] == {"sender_id": NUMBER, "sender_type": "longcode", "sender_country_code": "AU"}
    assert (told["country"], told["source"], told["grade"], told["reason"]) == (
        "AU",
        "smart",
        "compliant",
        "LOCAL_DEDICATED",
    )
    assert all(candidate.keys() >= CANDIDATE_KEYS for candidate in told["candidates"])
    assert [candidate["rank"] for candidate in told["candidates"]] == [1, 2]


def test_it_prints_a_sentence_and_the_candidates(cli: Cli) -> None:
    said = cli.run("explain", "--account", "acme", "--to", AU).stdout
    assert said.startswith(f"{NUMBER} sends SMS to AU, a dedicated number of AU")
    assert "ACME" in said
    assert AU not in said


def test_it_shows_the_decision_of_a_message_as_it_was_made(cli: Cli, tmp_path: Path) -> None:
    told = cli.done("explain", "--account", "acme", "--to", AU)
    keep(tmp_path, told)
    cli.done("senders", "set-status", "--account", "acme", "--sender-id", NUMBER, "--status", "released")
    assert cli.done("explain", "--decision", told["decision_id"]) == told
    assert cli.done("explain", "--account", "acme", "--to", AU)["decision_id"] != told["decision_id"]


def test_it_keeps_nothing_of_an_explanation(cli: Cli) -> None:
    told = cli.done("explain", "--account", "acme", "--to", AU)
    assert "an explanation that was asked for is not" in cli.refused("explain", "--decision", told["decision_id"])


@pytest.mark.parametrize(
    ("words", "reason", "country"),
    [
        pytest.param(("--account", "nobody", "--to", AU), "UNKNOWN_ACCOUNT", "AU", id="unknown account"),
        pytest.param(
            ("--account", "acme", "--subaccount", "late", "--to", AU), "UNKNOWN_ACCOUNT", "AU", id="not its sub-account"
        ),
        pytest.param(("--account", "late", "--to", AU), "ACCOUNT_SUSPENDED", "AU", id="suspended"),
        pytest.param(("--account", "acme", "--to", "+619"), "INVALID_RECIPIENT", None, id="too short"),
        pytest.param(("--account", "acme", "--to", "0491570156"), "INVALID_RECIPIENT", None, id="national, no country"),
        pytest.param(("--account", "acme", "--to", "+870773111632"), "UNKNOWN_COUNTRY", "001", id="satellite"),
        pytest.param(("--account", "a" * 65, "--to", AU), "INVALID_MESSAGE", None, id="no account id"),
        pytest.param(("--account", "acme", "--to", AU, "--country", "AUS"), "INVALID_MESSAGE", None, id="no hint"),
    ],
)
def test_it_gives_the_parking_code(cli: Cli, words: tuple[str, ...], reason: str, country: str | None) -> None:
    told = refused(cli, *words)
    assert (told["reason"], told["country"]) == (reason, country)


def test_it_shows_a_refusal_that_was_decided(cli: Cli, tmp_path: Path) -> None:
    cli.done("rules", "override", "GB", "alpha_tag", "--status", "blocked", "--reason", "r")
    told = refused(cli, "--account", "acme", "--to", GB)
    assert told["reason"] == "NO_COMPLIANT_SENDER"
    rejected = {candidate["sender_id"]: candidate["rejected"] for candidate in told["candidates"]}
    assert rejected["ACME"] == "TYPE_BLOCKED"
    keep(tmp_path, told)
    assert refused(cli, "--decision", told["decision_id"]) == told


def test_it_takes_what_a_message_may_ask_for(cli: Cli) -> None:
    name = ("--sender-id", "ACME", "--sender-type", "alpha_tag")
    assert cli.done("explain", "--account", "acme", "--to", DE, *name)["source"] == "explicit"
    cli.done("rules", "override", "DE", "longcode", "--status", "blocked", "--reason", "r")
    assert refused(cli, "--account", "acme", "--to", DE, "--reply-expected")["reason"] == "NO_SENDER_FOR_REPLIES"
    mms = cli.run("explain", "--account", "acme", "--to", AU, "--product", "MMS", "--json")
    assert json.loads(mms.stdout)["product"] == "MMS"
    national = cli.done("explain", "--account", "acme", "--to", "0491 570 156", "--country", "au")
    assert national["country"] == "AU"
    lent = cli.done("explain", "--account", "acme", "--subaccount", "acme-2", "--to", AU, "--traffic-class", "otp")
    assert (lent["subaccount_id"], lent["traffic_class"]) == ("acme-2", "otp")


def test_it_decides_as_of_another_moment(cli: Cli) -> None:
    def grades(at: str) -> list[str]:
        told = cli.done("explain", "--account", "acme", "--to", AU, "--at", at)
        return [candidate["grade"] for candidate in told["candidates"]]

    assert grades("2026-06-30T23:59:59Z") == ["compliant", "compliant"]
    assert grades("2026-07-01") == ["compliant", "altered"]


def test_it_obeys_the_policy_of_the_settings(cli: Cli) -> None:
    cli.done("rules", "override", "NZ", "alpha_tag", "--status", "altered", "--reason", "r")
    asked = ("explain", "--account", "acme", "--to", NZ)
    assert cli.done(*asked)["warnings"] == ["SENDER_ALTERED"]
    strict = Cli({**cli.settings, "SMART_ASSIGN_ALTERED_SENDERS": "forbid"})
    assert refused(strict, *asked[1:])["reason"] == "NO_COMPLIANT_SENDER"


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        pytest.param((), 2, id="nothing"),
        pytest.param(("--account", "acme"), 2, id="no recipient"),
        pytest.param(("--decision", "d", "--account", "acme"), 2, id="both ways"),
        pytest.param(("--decision", "dec_none"), 1, id="unknown decision"),
    ],
)
def test_it_refuses_an_incomplete_question(cli: Cli, words: tuple[str, ...], exit_code: int) -> None:
    assert cli.refused("explain", *words, exit_code=exit_code)


@pytest.mark.parametrize(
    "asked",
    [
        {"to": AU},
        {"to": DE},
        {"to": AU, "sender_id": "ACME"},
        {"to": AU, "sender_id": "\x1bNOT" + "x" * 90},
        {"to": AU, "sender_id": NUMBER.lstrip("+"), "reply_expected": True},
    ],
    ids=["number", "name", "explicit", "nonsense", "explicit number"],
)
def test_it_explains_the_very_decision_that_sending_makes(
    cli: Cli, own_redis: RedisProcess, asked: dict[str, Any]
) -> None:
    data_dir = cli.settings["SMART_ASSIGN_DATA_DIR"]
    store = Store(open_engine(f"sqlite:///{data_dir}/smart-assign.sqlite3"))
    message = {"message_id": "m", "account_id": "acme", "body": "b"} | asked
    with own_redis.client() as client:
        cache = DecisionCache(store, client, Policy(), prefix="test", size=10)
        (payload,) = Assigner(cache, max_bytes=10_000).assign([encode_json(message)]).payloads
    store.engine.dispose()
    sent = json.loads(payload)
    words = ["--account", "acme", "--to", asked["to"]]
    words += ["--sender-id", asked["sender_id"]] if "sender_id" in asked else []
    words += ["--reply-expected"] if "reply_expected" in asked else []
    told = cli.done("explain", *words)
    assert told["decision_id"] == sent["assignment"]["decision_id"]
    assert told["sender"]["sender_id"] == sent["sender_id"]


@pytest.mark.parametrize(
    ("to", "at", "name", "number"),
    [
        ("+436641234567", "2026-09-30", "compliant", "compliant"),
        ("+436641234567", "2026-10-01", "blocked", "compliant"),
        ("+358412345678", "2026-05-03", "compliant", "compliant"),
        ("+358412345678", "2026-05-04", "altered", "blocked"),
        ("+358412345678", "2026-11-02", "unknown", "blocked"),
    ],
)
def test_it_follows_the_registers_of_austria_and_finland(cli: Cli, to: str, at: str, name: str, number: str) -> None:
    own = "+43720123456" if to.startswith("+43") else "+358401234567"
    line = {"kind": "sender", "account_id": "acme", "sender_id": own, "sender_type": "longcode"}
    cli.done("inventory", "import", "-", stdin=json.dumps(line))
    told = json.loads(cli.run("explain", "--account", "acme", "--to", to, "--at", at, "--json").stdout)
    grades = {candidate["sender_id"]: candidate["grade"] for candidate in told["candidates"]}
    assert (grades["ACME"], grades[own]) == (name, number)
