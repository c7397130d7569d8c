from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from core.errors import FieldError, ParkReason
from core.parked.store import ParkedDocument
from core.phone import NO_COUNTRY
from core.storage.database import open_engine
from core.store import Store
from tests.support.accounts import AU, message
from tests.support.cli_runner import Cli
from tests.support.running_worker import Deployment
from tests.support.stock_clients import dispatched, notices, push
from tests.support.store_fixtures import NOW

SECRET, RECIPIENT = "the body of a message", "+61491570156"


@dataclass(frozen=True, slots=True)
class Desk:
    """A command line, its database, and the lane that its parked messages came from."""

    cli: Cli
    store: Store
    lane: str

    def park(self, *documents: ParkedDocument) -> None:
        self.store.park(documents)

    def listed(self, *words: str) -> list[str]:
        return [entry["parked_id"] for entry in self.cli.done("parked", "list", *words)["parked"]]


def document(number: int, lane: str, **changes: object) -> ParkedDocument:
    text = {"message_id": f"m{number}", "account_id": "acme", "to": RECIPIENT, "body": SECRET, "n": number}
    fields: dict[str, object] = {
        "parked_id": f"prk_{number}",
        "reason": ParkReason.NO_COMPLIANT_SENDER,
        "detail": "none of 2 senders fits",
        "lane": lane,
        "parked_at": NOW + timedelta(seconds=number),
        "message_id": f"m{number}",
        "account_id": "acme",
        "country": "AU",
        "document": json.dumps(text).encode(),
    }
    return ParkedDocument(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path, redis_url: str) -> Iterator[Desk]:
    cli = Cli({"SMART_ASSIGN_DATA_DIR": str(tmp_path), "SMART_ASSIGN_BROKER_URL": redis_url})
    cli.done("db", "upgrade")
    store = Store(open_engine(f"sqlite:///{tmp_path}/smart-assign.sqlite3"))
    yield Desk(cli, store, "smart-assign.ingress")
    store.engine.dispose()


# ---- reading ----


def test_it_lists_without_bodies_and_numbers(desk: Desk) -> None:
    wrong = (FieldError("to", "has too few digits"),)
    desk.park(document(1, desk.lane), document(2, desk.lane, reason=ParkReason.INVALID_RECIPIENT, fields=wrong))
    told = desk.cli.done("parked", "list")
    assert [entry["parked_id"] for entry in told["parked"]] == ["prk_2", "prk_1"]
    assert told["counts"] == {"INVALID_RECIPIENT": 1, "NO_COMPLIANT_SENDER": 1}
    assert told["parked"][0]["fields"] == [{"field": "to", "reason": "has too few digits"}]
    for said in (json.dumps(told), desk.cli.run("parked", "list").output):
        assert SECRET not in said
        assert RECIPIENT not in said


@pytest.mark.parametrize(
    ("words", "found"),
    [
        pytest.param((), ["prk_5", "prk_3", "prk_2", "prk_1"], id="all"),
        pytest.param(("--reason", "EXPIRED"), ["prk_2"], id="reason"),
        pytest.param(("--account", "shop"), ["prk_3"], id="account"),
        pytest.param(("--country", "uk"), ["prk_3"], id="country"),
        pytest.param(("--country", "001"), ["prk_5"], id="no country"),
        pytest.param(("--campaign", "spring"), ["prk_2"], id="campaign"),
        pytest.param(("--account", "acme", "--campaign", "autumn"), [], id="several"),
        pytest.param(("--limit", "1"), ["prk_5"], id="limit"),
        pytest.param(("--state", "dropped"), ["prk_4"], id="state"),
        pytest.param(("--state", "any"), ["prk_5", "prk_4", "prk_3", "prk_2", "prk_1"], id="any state"),
    ],
)
def test_it_lists_by_what_is_asked(desk: Desk, words: tuple[str, ...], found: list[str]) -> None:
    desk.park(
        document(1, desk.lane),
        document(2, desk.lane, reason=ParkReason.EXPIRED, campaign_id="spring"),
        document(3, desk.lane, account_id="shop", country="GB"),
        document(4, desk.lane),
        document(5, desk.lane, reason=ParkReason.UNKNOWN_COUNTRY, account_id="ship", country=NO_COUNTRY),
    )
    desk.cli.done("parked", "drop", "prk_4")
    assert desk.listed(*words) == found


@pytest.mark.parametrize("verb", ["list", "replay", "drop"])
def test_it_refuses_the_code_of_no_country(desk: Desk, verb: str) -> None:
    assert "there is no country 'GX'" in desk.cli.refused("parked", verb, "--country", "GX")


@pytest.mark.parametrize(
    ("original", "shown"),
    [
        pytest.param(b'{"body": "gr\xc3\xbc\xc3\x9fe"}', {"original": '{"body": "grüße"}'}, id="text"),
        pytest.param(b"\xff\x00", {"original_base64": "/wA="}, id="not UTF-8"),
    ],
)
def test_it_shows_the_whole_original(desk: Desk, original: bytes, shown: dict[str, str]) -> None:
    desk.park(document(1, desk.lane, document=original))
    told = desk.cli.done("parked", "show", "prk_1")
    assert {name: value for name, value in told.items() if name.startswith("original")} == shown
    assert told["reason"] == "NO_COMPLIANT_SENDER"


def test_it_keeps_an_original_from_moving_the_cursor(desk: Desk) -> None:
    desk.park(document(1, desk.lane, document=b"\x1b[2Jgone \xff"))
    said = desk.cli.run("parked", "show", "prk_1").stdout
    assert "\x1b" not in said
    assert r"\x1b[2Jgone \xff" in said


def test_it_refuses_an_unknown_id(desk: Desk) -> None:
    assert "no parked message 'prk_9'" in desk.cli.refused("parked", "show", "prk_9")


# ---- acting ----


def waiting(redis_url: str, queue: str = "smart-assign.ingress") -> list[int]:
    with redis.Redis.from_url(redis_url) as client:
        return [json.loads(text)["n"] for text in client.lrange(queue, 0, -1)]  # type: ignore[union-attr]


@pytest.mark.redis
def test_it_replays_by_id_to_the_byte(desk: Desk, redis_url: str) -> None:
    original = document(1, desk.lane)
    desk.park(original, document(2, desk.lane))
    assert desk.cli.done("parked", "replay", "prk_1") == {"replayed": 1, "not_parked": 0}
    with redis.Redis.from_url(redis_url) as client:
        assert client.lrange("smart-assign.ingress", 0, -1) == [original.document]
    assert desk.listed() == ["prk_2"]
    assert desk.listed("--state", "replayed") == ["prk_1"]


@pytest.mark.redis
def test_it_replays_each_once(desk: Desk, redis_url: str) -> None:
    desk.park(document(1, desk.lane))
    desk.cli.done("parked", "replay", "prk_1")
    result = desk.cli.run("parked", "replay", "prk_1", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, {"replayed": 0, "not_parked": 1})
    assert waiting(redis_url) == [1]


@pytest.mark.redis
def test_it_replays_more_than_one_page_to_the_queues_of_old(desk: Desk, redis_url: str) -> None:
    lanes = {"spring": "smart-assign.ingress.campaigns", None: desk.lane}
    desk.park(*(document(n, lanes[c], campaign_id=c) for n in range(205) for c in ("spring" if n % 2 else None,)))
    desk.park(document(900, desk.lane, reason=ParkReason.EXPIRED))
    assert desk.cli.done("parked", "replay", "--reason", "NO_COMPLIANT_SENDER")["replayed"] == 205
    assert sorted(waiting(redis_url)) == list(range(0, 205, 2))
    assert sorted(waiting(redis_url, "smart-assign.ingress.campaigns")) == list(range(1, 205, 2))
    assert desk.listed() == ["prk_900"]


@pytest.mark.redis
def test_it_replays_everything_only_when_told_so(desk: Desk, redis_url: str) -> None:
    desk.park(document(1, desk.lane))
    assert "--all" in desk.cli.refused("parked", "replay", exit_code=2)
    assert "--all" in desk.cli.refused("parked", "replay", "prk_1", "--reason", "EXPIRED", exit_code=2)
    assert desk.cli.done("parked", "replay", "--all")["replayed"] == 1
    assert waiting(redis_url) == [1]


@pytest.mark.redis
def test_it_leaves_parked_what_it_cannot_enqueue(desk: Desk, redis_url: str) -> None:
    desk.park(document(1, desk.lane), document(2, "an.older.queue"))
    assert "an.older.queue" in desk.cli.refused("parked", "replay", "prk_2")
    away = Cli({**desk.cli.settings, "SMART_ASSIGN_BROKER_URL": "redis://127.0.0.1:1/0"})
    assert "still parked" in away.refused("parked", "replay", "prk_1")
    assert desk.listed() == ["prk_2", "prk_1"]
    assert waiting(redis_url) == []


def test_it_drops(desk: Desk) -> None:
    desk.park(document(1, desk.lane), document(2, desk.lane), document(3, desk.lane, reason=ParkReason.EXPIRED))
    assert "2 dropped." in desk.cli.run("parked", "drop", "--reason", "NO_COMPLIANT_SENDER").stdout
    assert desk.listed() == ["prk_3"]
    assert desk.cli.done("parked", "drop", "--all", "--yes") == {"dropped": 1, "not_parked": 0}


def test_it_sends_what_was_parked_once_the_cause_is_mended(deployment: Deployment) -> None:
    account = f"late-{uuid.uuid4().hex[:8]}"
    cli = Cli(deployment.environment)
    sent = message(AU, account_id=account)
    push(deployment, [sent])
    (notice,) = notices(deployment, 1)
    assert (notice["account_id"], notice["reason"]) == (account, "UNKNOWN_ACCOUNT")

    cli.done("accounts", "add", account)
    cli.done("senders", "add", "--account", account, "--sender-id", "+61491570006", "--type", "longcode")
    time.sleep(1.1)  # a change is effective everywhere within a second
    assert cli.done("parked", "replay", "--account", account)["replayed"] == 1
    (came,) = dispatched(deployment, 1)
    assert (came["message_id"], came["sender_id"]) == (sent["message_id"], "+61491570006")
