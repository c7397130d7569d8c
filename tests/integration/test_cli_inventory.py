"""Accounts, senders, inventory files and default senders on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli_runner import Cli, embedded_cli

NUMBER = "+61491570006"

LINES: list[dict[str, object]] = [
    {
        "kind": "default",
        "account_id": "shop",
        "country": "AU",
        "strategies": [{"sender_type": "longcode", "sender_id": NUMBER}],
    },
    {"kind": "account", "account_id": "shop", "name": "Shop"},
    {"kind": "sender", "account_id": "shop", "sender_id": NUMBER, "sender_type": "longcode"},
    {"kind": "sender", "account_id": "shop", "sender_id": "SHOP", "sender_type": "alpha_tag"},
    {
        "kind": "registration",
        "account_id": "shop",
        "sender_id": "SHOP",
        "sender_type": "alpha_tag",
        "country": "GB",
        "status": "approved",
    },
]


def as_file(lines: list[dict[str, object]]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return embedded_cli(tmp_path / "data")


@pytest.fixture
def shop(cli: Cli) -> Cli:
    """A command line whose database holds account `shop`."""
    cli.done("inventory", "import", "-", stdin=as_file(LINES))
    return cli


# ---- accounts ----


@pytest.mark.parametrize("words", [("acme",), ("--account", "acme")])
def test_it_adds_an_account_and_shows_its_key_once(cli: Cli, words: tuple[str, ...]) -> None:
    added = cli.done("accounts", "add", *words, "--name", "Acme")
    assert added.keys() == {"account_id", "user_id", "api_key"}
    assert (added["account_id"], added["user_id"]) == ("acme", 1)
    assert added["api_key"] not in cli.run("accounts", "list", "--json").stdout
    assert added["api_key"] not in cli.run("accounts", "key", "list", "acme", "--json").stdout


def test_it_keeps_sub_accounts_apart(cli: Cli) -> None:
    cli.done("accounts", "add", "acme")
    cli.done("accounts", "add", "acme-nz", "--parent", "acme", "--no-borrow")
    (sub,) = cli.done("accounts", "list", "--parent", "acme")["accounts"]
    assert (sub["account_id"], sub["parent"], sub["may_borrow"]) == ("acme-nz", "acme", False)
    assert "does not exist" in cli.refused("accounts", "add", "x", "--parent", "nobody")
    assert "already" in cli.refused("accounts", "add", "acme")


def test_it_suspends_and_resumes(cli: Cli) -> None:
    cli.done("accounts", "add", "acme")
    assert cli.done("accounts", "suspend", "acme")["status"] == "suspended"
    assert cli.done("accounts", "resume", "acme")["status"] == "active"
    assert "no account 'nobody'" in cli.refused("accounts", "suspend", "nobody")


def test_it_adds_and_revokes_keys(cli: Cli) -> None:
    cli.done("accounts", "add", "acme")
    assert len(cli.done("accounts", "key", "add", "acme")["api_key"]) > 40
    first, second = cli.done("accounts", "key", "list", "acme")["keys"]
    cli.done("accounts", "key", "revoke", "acme", "--key", str(first["key_id"]))
    revoked = {
        key["key_id"]: key["revoked_at"] is not None for key in cli.done("accounts", "key", "list", "acme")["keys"]
    }
    assert revoked == {first["key_id"]: True, second["key_id"]: False}
    assert "no key" in cli.refused("accounts", "key", "revoke", "acme", "--key", str(first["key_id"]))


@pytest.mark.parametrize("words", [("add",), ("suspend", "a", "--account", "b"), ("key", "add")])
def test_it_wants_one_account(cli: Cli, words: tuple[str, ...]) -> None:
    assert "name one ACCOUNT" in cli.refused("accounts", *words, exit_code=2)


# ---- senders ----


def test_it_adds_changes_and_registers_senders(cli: Cli) -> None:
    cli.done("accounts", "add", "acme")
    added = cli.done("senders", "add", "--account", "acme", "--sender-id", NUMBER, "--sender-type", "longcode")[
        "sender"
    ]
    assert added["sender_country_code"] == "AU"
    cli.done("senders", "add", "--account", "acme", "--sender-id", "ACME", "--type", "alpha_tag", "--trust", "90")
    name = ("--account", "acme", "--sender-id", "ACME")
    cli.done("senders", "register", *name, "--country", "UK", "--status", "approved", "--from", "2026-01-01")
    cli.done("senders", "set-status", *name, "--status", "suspended")

    listed = cli.done("senders", "list", "--account", "acme")["senders"]
    assert [(each["sender_id"], each["status"], each["trust"]) for each in listed] == [
        (NUMBER, "active", 50),
        ("ACME", "suspended", 90),
    ]
    assert listed[1]["registrations"] == [
        {"country": "GB", "status": "approved", "valid_from": "2026-01-01T00:00:00.000000Z", "valid_until": None}
    ]
    australian = cli.done("senders", "list", "--account", "acme", "--country", "AU")["senders"]
    assert [each["sender_id"] for each in australian] == [NUMBER]


def test_it_lists_more_senders_than_one_page(cli: Cli) -> None:
    names = [f"N{number:03}X" for number in range(503)]
    lines: list[dict[str, object]] = [{"kind": "account", "account_id": "acme"}]
    lines += [{"kind": "sender", "account_id": "acme", "sender_id": n, "sender_type": "alpha_tag"} for n in names]
    cli.done("inventory", "import", "-", stdin=as_file(lines))
    listed = cli.done("senders", "list", "--account", "acme")["senders"]
    assert sorted(each["sender_id"] for each in listed) == names


def test_it_keeps_the_platform_pool(cli: Cli) -> None:
    cli.done("senders", "add", "--platform", "--sender-type", "shared_longcode", "--country", "AU")
    (pool,) = cli.done("senders", "list", "--platform")["senders"]
    assert (pool["account_id"], pool["sender_id"], pool["sender_country_code"]) == (None, None, "AU")
    assert cli.done("senders", "set-status", "--platform", "--sender-id", "", "--status", "suspended")


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        pytest.param(("list",), 2, "--account or --platform", id="nobody's"),
        pytest.param(("list", "--account", "nobody"), 1, "no account 'nobody'", id="unknown account"),
        pytest.param(
            ("add", "--platform", "--type", "alpha_tag", "--sender-id", "AC"), 1, "sender_id: must", id="form"
        ),
        pytest.param(
            ("add", "--platform", "--type", "longcode", "--sender-id", NUMBER, "--trust", "101"),
            1,
            "trust:",
            id="trust",
        ),
        pytest.param(("add", "--platform", "--type", "long", "--sender-id", NUMBER), 2, "longcode", id="unknown type"),
        pytest.param(
            ("set-status", "--platform", "--sender-id", "NOBODY", "--status", "active"), 1, "no sender", id="unknown"
        ),
        pytest.param(
            ("register", "--platform", "--sender-id", "X", "--country", "ZZ", "--status", "approved"),
            1,
            "no country 'ZZ'",
            id="unknown country",
        ),
    ],
)
def test_it_refuses_a_bad_sender(cli: Cli, words: tuple[str, ...], exit_code: int, said: str) -> None:
    assert said in cli.refused("senders", *words, exit_code=exit_code)


# ---- inventory files ----


def test_it_imports_a_file_and_the_same_again_without_effect(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "inventory.jsonl"
    path.write_text(as_file(LINES))
    first, again = (cli.done("inventory", "import", str(path)) for _ in range(2))
    assert first["sender"] == {"created": 2, "updated": 0, "unchanged": 0}
    assert again["sender"] == {"created": 0, "updated": 0, "unchanged": 2}
    assert "Nothing changed." in cli.run("inventory", "import", str(path)).stdout


def test_it_refuses_a_file_whole_by_line_and_field(shop: Cli) -> None:
    lines = [*LINES, {"kind": "account", "account_id": "other"}, {"kind": "sender", "account_id": "other"}]
    said = shop.refused("inventory", "import", "-", stdin=as_file(lines))
    assert "line 7" in said
    assert "sender_type" in said
    assert [each["account_id"] for each in shop.done("accounts", "list")["accounts"]] == ["shop"]


# ---- defaults ----


def test_it_sets_lists_and_unsets_defaults(shop: Cli) -> None:
    to = ("--account", "shop", "--country", "UK")
    stored = shop.done("defaults", "set", *to, "--sender-type", "alpha_tag", "--sender-id", "SHOP", "--note", "ours")
    assert stored["default"]["country"] == "GB"
    assert [(each["sender_id"], each["note"]) for each in stored["default"]["strategies"]] == [("SHOP", "ours")]
    listed = shop.done("defaults", "list", "--account", "shop")["defaults"]
    assert [each["country"] for each in listed] == ["AU", "GB"]
    shop.done("defaults", "unset", *to)
    assert "no default" in shop.refused("defaults", "unset", *to)


def test_it_takes_several_strategies_from_options_and_from_a_file(shop: Cli) -> None:
    other = "+61491570007"
    shop.done("senders", "add", "--account", "shop", "--sender-id", other, "--type", "longcode")
    to = ("--account", "shop", "--country", "AU")
    pairs = ("--type", "longcode", "--sender-id", other, "--type", "longcode", "--sender-id", NUMBER)
    stored = shop.done("defaults", "set", *to, *pairs)["default"]
    assert [each["sender_id"] for each in stored["strategies"]] == [other, NUMBER]
    assert [each["sender_country_code"] for each in stored["strategies"]] == ["AU", "AU"]

    strategies = json.dumps([{"sender_type": "longcode", "sender_id": NUMBER}])
    stored = shop.done("defaults", "set", *to, "--strategies", "-", stdin=strategies)["default"]
    assert [each["sender_id"] for each in stored["strategies"]] == [NUMBER]


@pytest.mark.parametrize(
    ("strategies", "said"),
    [
        pytest.param("{", "not JSON", id="no JSON"),
        pytest.param("{}", "strategies: {} is not a list", id="no list"),
        pytest.param("[1]", "strategies[0]: 1 is not an object", id="no object"),
        pytest.param('[{"sender_type": "long"}]', "strategies[0].sender_type", id="unknown type"),
        pytest.param(
            '[{"sender_type": "longcode", "sender_id": 5}]', "strategies[0].sender_id: 5 is not a text", id="number"
        ),
        pytest.param('[{"sender_type": "longcode", "colour": "red"}]', "strategies[0].colour", id="unknown field"),
        pytest.param(
            '[{"sender_type": "longcode", "sender_id": "+61491570099"}]',
            "is not a sender of this account",
            id="foreign",
        ),
    ],
)
def test_it_refuses_bad_strategies_by_field(shop: Cli, strategies: str, said: str) -> None:
    words = ("defaults", "set", "--account", "shop", "--country", "AU", "--strategies", "-")
    assert said in shop.refused(*words, stdin=strategies)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param((), "--sender-type", id="nothing"),
        pytest.param(("--type", "longcode", "--type", "alpha_tag", "--sender-id", "A"), "given 1 times", id="uneven"),
        pytest.param(("--type", "longcode", "--strategies", "-"), "beside it", id="both ways"),
    ],
)
def test_it_wants_strategies_named_in_one_way(shop: Cli, words: tuple[str, ...], said: str) -> None:
    set_default = ("defaults", "set", "--account", "shop", "--country", "AU")
    assert said in shop.refused(*set_default, *words, stdin="[]", exit_code=2)


def test_it_finds_defaults_that_are_no_longer_usable(shop: Cli) -> None:
    assert shop.done("defaults", "check")["at_risk"] == []
    shop.done("senders", "set-status", "--account", "shop", "--sender-id", NUMBER, "--status", "suspended")
    (risk,) = shop.done("defaults", "check", "--account", "shop")["at_risk"]
    assert (risk["country"], risk["problems"][0]["field"]) == ("AU", "default_sender_strategies[0].sender_id")
