"""`smart-assign trust`: shown, frozen and let go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import redis

from core.sender import SenderType
from core.trust.keys import SenderKey, TrustKeys
from core.trust.published import Published
from tests.support.cli_runner import Cli

pytestmark = pytest.mark.redis
NUMBER = "+61491570006"
KEYS = TrustKeys("smart-assign")
WANTED = ("--account", "acme", "--sender-id", "0491 570 006")


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as opened:
        yield opened


@pytest.fixture
def cli(tmp_path: Path, redis_url: str, client: redis.Redis) -> Cli:
    """Account acme with a number that is measured in Australia."""
    cli = Cli({"SMART_ASSIGN_DATA_DIR": str(tmp_path), "SMART_ASSIGN_BROKER_URL": redis_url})
    cli.done("accounts", "add", "acme")
    cli.done("senders", "add", "--account", "acme", "--sender-type", "longcode", "--sender-id", NUMBER)
    record = Published(95, unhealthy=False, delivered=97.24, messages=12_400, as_of=1795849200.0)
    client.hset(KEYS.published("acme", "AU"), f"longcode/{NUMBER[1:]}", msgspec.json.encode(record))
    client.sadd(KEYS.countries("acme"), "AU")
    return cli


def test_it_shows_what_receipts_say(cli: Cli) -> None:
    (shown,) = cli.done("trust", "show", "--account", "acme")["trust"]
    assert shown == {
        "account_id": "acme",
        "sender_id": NUMBER,
        "sender_type": "longcode",
        "country": "AU",
        "trust": 95,
        "unhealthy": False,
        "delivered_percent": 97.24,
        "messages": 12_400,
        "as_of": "2026-11-28T07:00:00.000000Z",
        "frozen_at": None,
        "frozen_by": None,
    }
    assert cli.done("trust", "show", "--account", "acme", "--country", "NZ") == {"trust": []}
    assert cli.done("trust", "show", "--platform") == {"trust": []}
    table = cli.run("trust", "show", "--account", "acme").stdout
    assert "12,400" in table
    assert "97.2 %" in table


def test_it_holds_a_sender_and_lets_it_go(cli: Cli, client: redis.Redis) -> None:
    (frozen,) = cli.done("trust", "freeze", *WANTED)["trust"]
    assert (frozen["trust"], frozen["frozen_at"] is not None, bool(frozen["frozen_by"])) == (95, True, True)
    assert "measured again" in cli.run("trust", "unfreeze", *WANTED).stdout
    key = SenderKey("acme", "AU", SenderType.LONGCODE, NUMBER[1:])
    assert client.zscore(KEYS.due, key.text) == 0
    assert "in any country" in cli.refused("trust", "unfreeze", *WANTED)
    assert "not frozen" in cli.refused("trust", "unfreeze", *WANTED, "--country", "AU")


def test_it_holds_a_sender_of_which_nothing_is_known_in_a_country_that_is_named(cli: Cli) -> None:
    (frozen,) = cli.done("trust", "freeze", *WANTED, "--country", "nz")["trust"]
    assert (frozen["country"], frozen["trust"]) == ("NZ", None)
    assert len(cli.done("trust", "show", "--account", "acme")["trust"]) == 2


def test_it_refuses_what_is_not_there(cli: Cli) -> None:
    assert "+61491570999" in cli.refused("trust", "freeze", "--account", "acme", "--sender-id", "+61491570999")
    assert "nobody" in cli.refused("trust", "freeze", "--account", "nobody", "--sender-id", NUMBER)
    cli.refused("trust", "show", exit_code=2)
