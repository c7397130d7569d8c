"""`campaign send`, `preview` and `status` as people run them."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from functools import partial
from pathlib import Path

import amqp
import pytest
import redis
from sqlalchemy import MetaData

from core.storage.database import open_engine
from tests.integration.conftest import PAIRS, MakeDeployment
from tests.support.cli_runner import Cli, embedded_cli
from tests.support.command_line import cli_command, cli_environment, run_cli
from tests.support.processes import ended_at_last
from tests.support.running_worker import QUEUES, Deployment
from tests.support.stock_clients import amqp_connection
from tests.support.workbooks import texts, workbook
from worker.cli.interrupts import INTERRUPTED

INVENTORY = [
    {"kind": "account", "account_id": "acme"},
    {"kind": "sender", "account_id": "acme", "sender_id": "+61491570006", "sender_type": "longcode"}
    | {"sender_country_code": "AU"},
]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Embedded mode with one account, and a file of recipients."""
    file = tmp_path / "r.csv"
    file.write_text("to,Name\n+61491570156,Ann\n+61491570156,Bob\nnobody,Eve\n+12025550123,Joe\n")
    made = embedded_cli(tmp_path / "data")
    made.done("inventory", "import", "-", stdin="\n".join(map(json.dumps, INVENTORY)))
    return made


def words(tmp_path: Path, *more: str) -> list[str]:
    return ["--account", "acme", "--file", str(tmp_path / "r.csv"), "--body", "Hello", *more]


def test_it_previews_without_a_trace(cli: Cli, tmp_path: Path) -> None:
    shown = cli.done("campaign", "preview", *words(tmp_path))
    countries = {each["country"]: (each["recipients"], each["sendable"]) for each in shown["countries"]}
    assert (countries, shown["invalid"], shown["repeats"]) == ({"AU": (2, 2), "US": (1, 0)}, 1, 1)
    table = cli.run("campaign", "preview", *words(tmp_path))
    assert "3 recipients in 2 countries; 2 sendable; 1 not; 1 rows invalid; 1 numbers repeated" in table.stdout
    assert "line 4, to: is not a telephone number" in table.stderr
    assert "columns that are passed through in `extra`: Name" in table.stderr
    with sqlite3.connect(tmp_path / "data" / "smart-assign.sqlite3") as database:
        for kept in ("decisions", "parked"):
            assert database.execute(f"SELECT count(*) FROM {kept}").fetchone() == (0,)
    database.close()
    assert not (tmp_path / "data" / "redis").exists()
    assert not (tmp_path / "data" / "campaigns").exists()


@pytest.mark.parametrize("pair", PAIRS)
def test_it_changes_nothing_by_a_preview(make_deployment: MakeDeployment, pair: str, tmp_path: Path) -> None:
    made = make_deployment(pair, data_dir=str(tmp_path / "data"))
    (tmp_path / "r.csv").write_text("to,name\n+61491570156,Ann\n+447400123456,Bob\nnobody,Eve\n")
    before = everything(made)
    for account in ("acme", "bare", "nobody"):
        options = ["--account", account, "--file", str(tmp_path / "r.csv"), "--body", "Hello"]
        shown = Cli(made.environment).done("campaign", "preview", *options)
        assert (shown["recipients"], shown["invalid"]) == (2, 1)
    assert everything(made) == before
    assert [path.name for path in tmp_path.iterdir()] == ["r.csv"]


def everything(deployment: Deployment) -> tuple[object, ...]:
    """All rows of SQL, all keys of Redis with their values, and the queues that RabbitMQ has."""
    engine = open_engine(deployment.database_url)
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        rows = {table.name: connection.execute(table.select()).all() for table in tables.sorted_tables}
    engine.dispose()
    with redis.Redis.from_url(deployment.redis_url) as client:
        keys = {key: client.dump(key) for key in client.scan_iter()}
    assert rows["accounts"]
    assert keys
    return rows, keys, () if deployment.on_redis else tuple(map(partial(exists, deployment), QUEUES))


def exists(deployment: Deployment, queue: str) -> bool:
    with amqp_connection(deployment) as connection:
        try:
            connection.channel().queue_declare(deployment.queue(queue), passive=True)
        except amqp.NotFound:
            return False
        return True


def test_it_sends_once_and_tells_what_it_refused(cli: Cli, tmp_path: Path) -> None:
    send = ["campaign", "send", *words(tmp_path, "--campaign-id", "c1", "--sender", "uk=alpha_tag:ACME")]
    done = cli.run(*send, "--json")
    report = tmp_path / "r.csv.refused.csv"
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {
        "campaign_id": "c1",
        "enqueued": 3,
        "batches": 1,
        "refused": [{"line": 4, "field": "to", "reason": "is not a telephone number"}],
        "refused_rows": 1,
        "report": str(report),
    }
    assert report.read_text().splitlines() == ["line,field,reason,to", "4,to,is not a telephone number,nobody"]
    assert "was sent to 3 recipients" in cli.run(*send).stderr
    again = cli.run(*send, "--resume", "--json")
    assert json.loads(again.stdout) == json.loads(done.stdout)
    known = cli.done("campaign", "status", "c1")
    assert (known["received"], known["total_batches"], known["complete"]) == (0, 1, False)


def test_it_sends_a_workbook_and_goes_on_with_it_after_an_interrupt(cli: Cli, tmp_path: Path) -> None:
    rows = "".join(texts(number, "Ann", f"+614915{number:05d}") for number in range(2, 102))
    file = tmp_path / "list.xlsx"
    file.write_bytes(workbook(texts(1, "Name", "Mobile") + rows + texts(200, "Eve", "nobody")))
    source = ["--account", "acme", "--file", str(file), "--body", "Hello"]
    shown = cli.run("campaign", "preview", *source, "--json")
    assert (json.loads(shown.stdout)["recipients"], json.loads(shown.stdout)["invalid"]) == (100, 1)
    assert "telephone numbers are read from `Mobile`" in shown.stderr
    send = ["campaign", "send", *source, "--campaign-id", "w", "--batch-size", "1", "--max-waiting", "20"]
    environment = cli_environment(tmp_path / "data")
    with ended_at_last(subprocess.Popen(cli_command(*send), env=environment, stderr=subprocess.PIPE, text=True)) as it:
        assert it.stderr is not None
        assert any("paused: " in line for line in it.stderr)
        it.send_signal(signal.SIGINT)
        it.communicate(timeout=90)
    other = cli.run(*send, "--resume", "--column", "Name")
    assert (other.exit_code, "other options than before: column" in other.stderr) == (1, True)
    resumed = cli.run(*send, "--resume", "--max-waiting", "0", "--json")
    told = json.loads(resumed.stdout)
    assert (told["enqueued"], told["batches"], told["refused"][0]["line"]) == (100, 100, 200)
    assert (tmp_path / "list.xlsx.refused.csv").read_text().splitlines()[1].startswith("200,to,")


USAGE = [
    pytest.param(["--resume"], 2, "--resume needs --campaign-id", id="resume what"),
    pytest.param(["--sender", "AU=longcode"], 2, "CC=TYPE:ID", id="a sender without an id"),
    pytest.param(["--sender", "XX=longcode:1"], 1, "no country 'XX'", id="no such country"),
    pytest.param(["--sender", "AU=fax:1"], 1, "senders[0].sender_type", id="no such type"),
    pytest.param(["--product", "MMS"], 1, "--media-url", id="MMS without media"),
    pytest.param(["--expires-at", "soon"], 1, "--expires-at", id="a time that is none"),
    pytest.param(["--body", "x" * 1601], 1, "--body", id="too long a text"),
    pytest.param(["--campaign-id", "c" * 65], 1, "--campaign-id", id="too long an id"),
]


@pytest.mark.parametrize(("more", "exit_code", "said"), USAGE)
def test_it_refuses_before_it_sends(more: list[str], exit_code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("to\n+61491570156\n")
    done = embedded_cli(tmp_path / "data").run("campaign", "send", *words(tmp_path, *more))
    assert (done.exit_code, done.stdout) == (exit_code, "")
    assert said in " ".join(done.stderr.split())
    assert not (tmp_path / "data").exists()


def test_it_has_nothing_to_resume(cli: Cli, tmp_path: Path) -> None:
    never = words(tmp_path, "--campaign-id", "never", "--resume")
    done = cli.run("campaign", "send", *never)
    assert (done.exit_code, "there is nothing to resume" in done.stderr) == (1, True)


def test_it_takes_a_stream_which_cannot_be_resumed(tmp_path: Path) -> None:
    environment = cli_environment(tmp_path / "data")
    send = ["campaign", "send", "--account", "acme", "--file", "-", "--format", "jsonl", "--campaign-id", "s"]
    rows = [json.dumps({"to": "+61491570156", "body": "b", "vip": True}), json.dumps({"to": "+61491570157"})]
    done = run_cli(*send, "--json", environment=environment, stdin="\n".join(rows))
    told = json.loads(done.stdout)
    assert (told["enqueued"], [row["field"] for row in told["refused"]]) == (1, ["body"])
    again = run_cli(*send, "--resume", environment=environment, stdin="\n".join(rows))
    assert (again.returncode, "cannot be read twice" in again.stderr) == (1, True)


def test_it_says_how_to_go_on_after_an_interrupt(tmp_path: Path) -> None:
    environment = cli_environment(tmp_path / "data")
    (tmp_path / "r.csv").write_text("to\n" + "+61491570156\n" * 100)
    send = ["campaign", "send", *words(tmp_path, "--campaign-id", "c", "--batch-size", "1", "--max-waiting", "20")]
    with ended_at_last(subprocess.Popen(cli_command(*send), env=environment, stderr=subprocess.PIPE, text=True)) as it:
        assert it.stderr is not None
        assert "paused: " in it.stderr.readline()
        it.send_signal(signal.SIGINT)
        _, said = it.communicate(timeout=90)
    assert it.returncode == INTERRUPTED
    assert "100 recipients" not in said
    assert "--campaign-id c --resume goes on" in " ".join(said.split())
    resumed = run_cli(*send, "--resume", "--max-waiting", "0", "--json", environment=environment)
    assert (resumed.returncode, json.loads(resumed.stdout)["enqueued"]) == (0, 100)


def test_it_knows_nothing_of_an_unknown_campaign(cli: Cli) -> None:
    assert "nothing is known of campaign never" in cli.refused("campaign", "status", "never")
    assert "nothing is known of campaign never" in cli.refused("campaign", "status", "never", "--watch", "--json")
