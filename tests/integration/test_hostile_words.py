"""Every command, with ids, names and details that would steer a terminal: none of them does, nor begins a line.

The table of the program's commands is walked: a new command needs its lines here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine, insert

from core.campaigns.progress import campaign_accounts_key, progress_key
from core.errors import FieldError, ParkReason
from core.moments import rfc3339
from core.parked.store import ParkedDocument
from core.storage.database import open_engine
from core.storage.tables import ACCOUNTS, API_KEYS, SENDERS
from core.store import Store
from tests.support.cli_runner import Cli
from tests.support.commands import command_names
from tests.support.store_fixtures import NOW
from tests.support.unsafe import HOSTILE, unsafe_in

AU = "+61491570156"
#: They run until they are ended, and print what the log prints: tests/unit/process/test_printable.py. The demo shows a
#: sample of its own.
ROLES = {("worker",), ("scheduler",), ("api",), ("flower",), ("up",), ("demo",)}

ACCOUNT = ("--account", HOSTILE)
SENDER = ("--sender-id", HOSTILE)
TYPE = ("--sender-type", "alpha_tag")
#: Each command's words, of which `{file}` is a file of hostile lines. The order is that of a day's work.
LINES: Mapping[tuple[str, ...], Sequence[Sequence[str]]] = {
    ("accounts", "list"): [()],
    ("accounts", "add"): [(HOSTILE,), ("plain", "--name", HOSTILE), ("plainer", "--parent", HOSTILE)],
    ("accounts", "suspend"): [(HOSTILE,), (HOSTILE * 2,)],
    ("accounts", "resume"): [(HOSTILE,)],
    ("accounts", "key", "list"): [(HOSTILE,)],
    ("accounts", "key", "add"): [(HOSTILE, "--name", HOSTILE), (HOSTILE * 2,)],
    ("accounts", "key", "rotate"): [(HOSTILE, "--key", "1", "--overlap", "1"), (HOSTILE, "--key", "99")],
    ("accounts", "key", "revoke"): [(HOSTILE, "--key", "1"), (HOSTILE, "--key", "99")],
    ("area-codes",): [ACCOUNT, ("on", *ACCOUNT)],
    ("campaign", "list"): [ACCOUNT],
    ("campaign", "preview"): [(*ACCOUNT, "--body", HOSTILE, "--file", "{csv}"), (*ACCOUNT, "--file", HOSTILE)],
    ("campaign", "send"): [(*ACCOUNT, "--body", HOSTILE, "--campaign-id", HOSTILE, "--file", "{csv}")],
    ("campaign", "status"): [(HOSTILE,), (HOSTILE * 2,), ("two",)],
    ("check",): [()],
    ("completion",): [("bash",), (HOSTILE,)],
    ("config", "show"): [(), (HOSTILE,)],
    ("db", "upgrade"): [()],
    ("defaults", "assign-all"): [(*ACCOUNT, "--countries", "AU", "--dry-run"), (*ACCOUNT, "--countries", HOSTILE)],
    ("defaults", "check"): [()],
    ("defaults", "list"): [ACCOUNT, ("--account", HOSTILE * 2)],
    ("defaults", "set"): [(*ACCOUNT, "--country", "GB", *TYPE, *SENDER, "--note", HOSTILE)],
    ("defaults", "unset"): [(*ACCOUNT, "--country", "NZ")],
    ("dispatch", "tail"): [(), ("--drain",)],
    ("erase",): [("--to", AU, *ACCOUNT), ("--to", HOSTILE)],
    ("explain",): [(*ACCOUNT, "--to", AU), (*ACCOUNT, "--to", AU, *SENDER), ("--decision", HOSTILE),
                   ("--decision", "dec_hostile")],
    ("destinations", "set"): [(*ACCOUNT, "--countries", "AU", "--mode", "block"), (*ACCOUNT, "--countries", HOSTILE, "--mode", "block")],
    ("destinations", "list"): [ACCOUNT],
    ("destinations", "unset"): [(*ACCOUNT, "--region", HOSTILE), (*ACCOUNT, "--countries", "AU")],
    ("health",): [(), ("--host", HOSTILE)],
    ("inventory", "import"): [("{file}",)],
    ("parked", "list"): [(), ACCOUNT, ("--state", "any")],
    ("parked", "show"): [("prk_1",), ("prk_2",), (HOSTILE,)],
    ("parked", "replay"): [("prk_2",), (HOSTILE,)],
    ("parked", "drop"): [("prk_1",), (HOSTILE,)],
    ("prices", "import"): [("{file}",)],
    ("prices", "list"): [(), ("--country", HOSTILE)],
    ("rules", "check"): [()],
    ("rules", "diff"): [("{file}",)],
    ("rules", "import"): [("{file}",)],
    ("rules", "list"): [("--country", "AU"), ("--country", HOSTILE)],
    ("rules", "override"): [("AU", "alpha_tag", "--reason", HOSTILE, "--status", "blocked")],
    ("rules", "overrides"): [()],
    ("rules", "show"): [("AU",), (HOSTILE,)],
    ("rules", "override-remove"): [("1",), ("99",)],
    ("rules", "versions"): [()],
    ("send",): [(*ACCOUNT, "--to", AU, "--body", "b", "--message-id", HOSTILE), ("--file", "{file}")],
    ("senders", "list"): [ACCOUNT],
    ("senders", "add"): [(*ACCOUNT, *TYPE, *SENDER)],
    ("senders", "register"): [(*ACCOUNT, *SENDER, "--country", "AU", "--status", "approved")],
    ("senders", "set-status"): [(*ACCOUNT, *SENDER, "--status", "suspended")],
    ("spread",): [ACCOUNT],
    ("trust", "show"): [ACCOUNT, ("--account", HOSTILE * 2)],
    ("trust", "freeze"): [(*ACCOUNT, *SENDER, "--country", "AU"), (*ACCOUNT, *SENDER)],
    ("trust", "unfreeze"): [(*ACCOUNT, *SENDER), (*ACCOUNT, *SENDER, "--country", "NZ")],
}  # fmt: skip


def test_every_command_is_here() -> None:
    assert set(LINES) | ROLES == set(command_names())


@pytest.fixture(scope="module")
def hostile_files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("hostile")
    lines = [
        {"kind": "account", "account_id": HOSTILE},
        {"kind": HOSTILE, "country": HOSTILE, "sender_type": HOSTILE},
        {HOSTILE: HOSTILE, "to": HOSTILE, "account_id": HOSTILE},
    ]
    (folder / "file.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "to.csv").write_text(f'to\n{AU}\n"{HOSTILE}"\n"=1+{HOSTILE}"\n')
    return {"file": str(folder / "file.jsonl"), "csv": str(folder / "to.csv")}


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, redis_server: str) -> Iterator[Cli]:
    folder = tmp_path_factory.mktemp("data")
    made = Cli({"SMART_ASSIGN_DATA_DIR": str(folder), "SMART_ASSIGN_BROKER_URL": redis_server})
    made.done("db", "upgrade")
    engine = open_engine(f"sqlite:///{folder}/smart-assign.sqlite3")
    fill_database(engine)
    client = redis.Redis.from_url(redis_server)
    fill_redis(client)
    yield made
    engine.dispose()
    client.flushdb()
    client.close()


def fill_database(engine: Engine) -> None:
    """As a program of another version, or a person with SQL, may have written it: no check stood in the way."""
    account = {"account_id": HOSTILE, "name": HOSTILE, "may_borrow": True, "status": "active", "created_at": NOW}
    key = {"account_ref": 1, "prefix": HOSTILE, "salt": b"", "digest": b"", "created_at": NOW, "name": HOSTILE}
    sender = {"identity": f"1:alpha_tag:{HOSTILE}", "account_ref": 1, "sender_id": HOSTILE, "sender_type": "alpha_tag"}
    sender |= {"status": "active", "trust": 50, "two_way": False, "mms": True}
    with engine.begin() as connection:
        connection.execute(insert(ACCOUNTS).values(account))
        connection.execute(insert(API_KEYS).values(key))
        connection.execute(insert(SENDERS).values(sender))
    store = Store(engine, clock=lambda: NOW)
    store.save_decisions({"dec_hostile": json.dumps(stored_decision()).encode()}, NOW)
    store.park([parked(number) for number in (1, 2)])


def stored_decision() -> dict[str, object]:
    names = (
        "decision_id",
        "account_id",
        "subaccount_id",
        "country",
        "product",
        "source",
        "reason",
        "grade",
        "sentence",
    )
    candidate = {"sender_id": HOSTILE, "sender_type": HOSTILE, "sender_country_code": HOSTILE, "account_id": HOSTILE}
    candidate |= {"grade": HOSTILE, "rank": None, "rejected": HOSTILE, "detail": HOSTILE}
    more = {
        "sender": {},
        "warnings": [HOSTILE],
        "candidates": [candidate],
        "valid_until": HOSTILE,
        "rules_version": HOSTILE,
    }
    return dict.fromkeys(names, HOSTILE) | more


def parked(number: int) -> ParkedDocument:
    return ParkedDocument(
        parked_id=f"prk_{number}",
        reason=ParkReason.INVALID_MESSAGE,
        detail=HOSTILE,
        lane=HOSTILE,
        parked_at=NOW,
        fields=(FieldError(HOSTILE, HOSTILE),),
        message_id=HOSTILE,
        campaign_id=HOSTILE,
        batch_id=HOSTILE,
        account_id=HOSTILE,
        country=HOSTILE,
        document=HOSTILE.encode() + b"\xff\x1b" if number == 1 else HOSTILE.encode(),
    )


def fill_redis(client: redis.Redis) -> None:
    counts = {
        "dispatched": 1,
        "batches": 1,
        f"parked:{HOSTILE}": 1,
        "started_at": rfc3339(NOW),
        "updated_at": rfc3339(NOW),
    }
    client.hset(progress_key("smart-assign", HOSTILE, HOSTILE), mapping=counts)
    for campaign in (HOSTILE, "two"):
        client.sadd(campaign_accounts_key("smart-assign", campaign), HOSTILE, *(["other"] if campaign == "two" else []))
    client.hset(progress_key("smart-assign", HOSTILE, "two"), mapping=counts)
    client.hset(progress_key("smart-assign", "other", "two"), mapping=counts)
    client.lpush("smart-assign.dispatch", HOSTILE.encode(), json.dumps({"sender_id": HOSTILE}, ensure_ascii=False))


@pytest.mark.redis
@pytest.mark.parametrize("as_json", [False, True], ids=["for people", "json"])
@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_it_prints_nothing_that_steers_a_terminal(
    cli: Cli, hostile_files: Mapping[str, str], words: tuple[str, ...], as_json: bool
) -> None:
    for line in LINES[words]:
        arguments = [hostile_files.get(word.strip("{}"), word) for word in line]
        done = cli.run(*words, *arguments, *(["--json"] if as_json else []), stdin="")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        for said in (done.stdout, done.stderr):
            assert unsafe_in(said) <= {"\n"}, said
            assert not [each for each in said.splitlines() if each.startswith("FORGED")], said
            assert "\U0001f604" not in said
        if as_json and words != ("dispatch", "tail"):
            assert all(isinstance(json.loads(each), dict) for each in done.stdout.splitlines())


@pytest.mark.redis
def test_its_report_is_safe_in_a_spreadsheet_and_on_a_terminal(
    cli: Cli, hostile_files: Mapping[str, str], tmp_path: Path
) -> None:
    report = tmp_path / "refused.csv"
    cli.run(
        "campaign", "send", "--account", "acme", "--body", "b", "--file", hostile_files["csv"], "--report", str(report)
    )
    written = report.read_bytes().decode()
    assert unsafe_in(written) == {"\r", "\n"}
    assert [line.split(",")[0] for line in written.splitlines()] == ["line", "3", "5"]
    assert "\"'=1+" in written or ",'=1+" in written
