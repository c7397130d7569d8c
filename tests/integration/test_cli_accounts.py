"""`accounts key`: names, ends, rotation."""

from __future__ import annotations

import pytest

from tests.support.cli_runner import Cli


@pytest.fixture
def cli(database_url: str) -> Cli:
    cli = Cli({"SMART_ASSIGN_DATABASE_URL": database_url, "SMART_ASSIGN_BROKER_URL": "redis://127.0.0.1:1/0"})
    cli.run("db", "upgrade")
    cli.done("accounts", "add", "acme")
    return cli


def test_it_rotates_a_key_by_its_id(cli: Cli) -> None:
    cli.done("accounts", "key", "add", "acme", "--name", "billing", "--expires", "2999-01-01")
    old = cli.done("accounts", "key", "list", "acme")["keys"][-1]
    assert (old["name"], old["expires_at"]) == ("billing", "2999-01-01T00:00:00.000000Z")
    cli.done("accounts", "key", "rotate", "acme", "--key", str(old["key_id"]), "--overlap", "0")
    *_, ended, new = cli.done("accounts", "key", "list", "acme")["keys"]
    assert (ended["key_id"], new["name"], new["expires_at"]) == (old["key_id"], "billing", None)
    assert ended["expires_at"] < "2999"


def test_it_refuses_an_end_that_has_passed(cli: Cli) -> None:
    assert "expires_at has passed" in cli.refused("accounts", "key", "add", "acme", "--expires", "2020-01-01")
