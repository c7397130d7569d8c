"""The roles as programs: ready when they say so, in any order, and gone when they are told to end."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.command_line import cli_command, cli_environment, run_cli
from tests.support.processes import kill_all, listed, processes
from tests.support.running_worker import PATIENCE_S, until
from tests.support.services import free_port
from worker.cli.interrupts import INTERRUPTED
from worker.demo.sample import INVENTORY_FILE
from worker.embedded.server import RedisHome

pytestmark = [pytest.mark.slow]

READY_S = 90


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    kill_all(tmp_path)


def start(*words: str, folder: Path, **settings: str) -> subprocess.Popen[str]:
    named = {f"SMART_ASSIGN_{name.upper()}": text for name, text in settings.items()}
    environment = cli_environment(folder, named)
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
        return subprocess.Popen(
            cli_command(*words), env=environment, stdout=stdout, stderr=stderr, text=True, start_new_session=True
        )


def said(folder: Path) -> str:
    return (folder / "stdout").read_text() + (folder / "stderr").read_text()


def status(url: str, login: str | None = None) -> int:
    request = urllib.request.Request(url)
    if login:
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def redis_pid(folder: Path) -> int | None:
    """Of the embedded server, where one answers; no command of ours, for the next one would start it."""
    address = RedisHome(folder).running()
    if address is None:
        return None
    try:
        with address.client() as client:
            return int(client.info("server")["process_id"])
    except redis.RedisError:
        return None


def send_and_receive(environment: dict[str, str]) -> None:
    message = ["--account", "bluebird-bank", "--to", "+4915123456789", "--body", "Hello"]
    assert run_cli("send", *message, environment=environment).returncode == 0
    tail = ["dispatch", "tail", "--drain"]
    until(
        lambda: "4917139200102" in run_cli(*tail, environment=environment).stdout,
        PATIENCE_S,
        "the message with its sender",
    )


def test_it_runs_every_role_and_revives_its_redis_until_ctrl_c(folder: Path) -> None:
    ports = {"flower_port": str(free_port()), "api_port": str(free_port())}
    up = start("up", "--json", folder=folder, **ports)
    until(
        lambda: (folder / "stdout").read_text().endswith("\n") or up.poll() is not None, READY_S, lambda: said(folder)
    )
    told = json.loads((folder / "stdout").read_text())
    assert told["roles"] == {
        "worker": None,
        "scheduler": None,
        "api": f"http://127.0.0.1:{ports['api_port']}",
        "flower": f"http://127.0.0.1:{ports['flower_port']}",
    }
    assert status(told["roles"]["flower"]) == 200
    assert status(f"{told['roles']['api']}/healthz") == 200
    environment = cli_environment(folder)
    assert run_cli("inventory", "import", str(INVENTORY_FILE), environment=environment).returncode == 0
    send_and_receive(environment)

    killed = redis_pid(folder)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    until(lambda: "embedded_redis_revived" in (folder / "stderr").read_text(), PATIENCE_S, lambda: said(folder))
    assert redis_pid(folder) not in {None, killed}
    send_and_receive(environment)
    assert up.poll() is None

    os.killpg(up.pid, signal.SIGINT)
    assert up.wait(60) == 0
    assert processes(folder) == [], listed(folder)


ROLES = [
    pytest.param(("worker", "--", "-c", "1"), " ready.", id="worker"),
    pytest.param(("scheduler",), "beat: Starting", id="scheduler"),
    pytest.param(("flower",), "Connected to redis", id="flower"),
    pytest.param(("api",), "Uvicorn running on", id="api"),
    pytest.param(("dispatch", "tail", "--drain", "--follow"), "", id="dispatch tail"),
]


@pytest.mark.parametrize(("words", "ready"), ROLES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_it_ends_a_role_and_its_redis_with_a_signal(
    words: tuple[str, ...], ready: str, number: signal.Signals, folder: Path
) -> None:
    role = start(*words, folder=folder, flower_port=str(free_port()), api_port=str(free_port()))
    until(lambda: ready in said(folder) and len(processes(folder)) > 1, READY_S, lambda: said(folder))
    os.killpg(role.pid, number)
    ended = role.wait(60)
    if words[0] == "dispatch" and number is signal.SIGTERM:
        return  # ended by the signal itself: its Redis goes with the next user
    assert ended == (INTERRUPTED if words[0] == "dispatch" else 0)
    until(lambda: processes(folder) == [], PATIENCE_S, lambda: f"left behind: {listed(folder)}")
    assert "Traceback" not in said(folder)


def test_it_waits_for_a_database_that_is_not_migrated_yet(folder: Path) -> None:
    database_url = f"sqlite:///{folder}/configured.sqlite3"
    worker = start("worker", "--", "-c", "1", folder=folder, database_url=database_url)
    until(lambda: "the database is empty" in said(folder), READY_S, lambda: said(folder))
    environment = cli_environment(folder, {"SMART_ASSIGN_DATABASE_URL": database_url})
    assert run_cli("db", "upgrade", environment=environment).returncode == 0
    until(lambda: " ready." in said(folder), READY_S, lambda: said(folder))
    worker.terminate()
    assert worker.wait(60) == 0


def test_it_names_the_port_that_is_taken(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = cli_environment(folder, {"SMART_ASSIGN_FLOWER_PORT": str(port)})
        up, flower = (run_cli(role, environment=environment) for role in ("up", "flower"))
    assert (up.returncode, flower.returncode) == (1, 1)
    assert f"port {port} of 127.0.0.1 is taken" in " ".join(up.stderr.split())
    assert f"Flower cannot listen on 127.0.0.1:{port}" in " ".join(flower.stderr.split())
    assert processes(folder) == []


def test_it_asks_for_the_password_of_flower(folder: Path) -> None:
    port = free_port()
    flower = start("flower", folder=folder, flower_port=str(port), flower_basic_auth="ops:secret")
    url = f"http://127.0.0.1:{port}/workers"
    until(lambda: "Connected to redis" in said(folder), READY_S, lambda: said(folder))
    assert (status(url), status(url, "ops:wrong"), status(url, "ops:secret")) == (401, 401, 200)
    assert "secret" not in Path(f"/proc/{flower.pid}/cmdline").read_text()
    flower.terminate()
    flower.wait(60)
