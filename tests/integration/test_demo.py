"""The demo as a person runs it: everything accounted for, and nothing left behind however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import cli_command, cli_environment, run_cli
from tests.support.processes import kill_all, listed, processes
from tests.support.running_worker import PATIENCE_S, until

pytestmark = [pytest.mark.slow]

#: Addresses of services that do not exist: the demo must not ask for them.
ELSEWHERE = {
    "SMART_ASSIGN_BROKER_URL": "redis://127.0.0.1:1/0",
    "SMART_ASSIGN_DATABASE_URL": "postgresql://postgres@127.0.0.1:1/none",
    "SMART_ASSIGN_INGRESS_QUEUE": "somebody.elses",
    "SMART_ASSIGN_INVALID_OVERRIDE": "park",
}


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Where the demo makes its folder, its socket in it; every process that names it is the demo's."""
    with tempfile.TemporaryDirectory(prefix="sa-demo-") as folder:
        yield Path(folder)
        kill_all(Path(folder))


def test_it_accounts_for_every_message_and_puts_everything_away(tmp_path: Path, temporary: Path) -> None:
    environment = cli_environment(tmp_path, ELSEWHERE | {"TMPDIR": str(temporary)})
    done = run_cli("demo", "--json", environment=environment, timeout=200)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["ok"]
    assert told["sent"] >= 2000
    assert told["sent"] == told["dispatched"] + sum(told["parked"].values()) + told["duplicates"]
    # 40 are sent twice; to one of their countries, Azerbaijan, no name may be used whose rule is in doubt.
    assert (told["lost"], told["twice"], told["duplicates"]) == (0, 0, 39)
    assert {sender["source"] for country in told["countries"] for sender in country["senders"]} == {
        "explicit",
        "default",
        "inherited_default",
        "smart",
    }
    warnings = {each for country in told["countries"] for sender in country["senders"] for each in sender["warnings"]}
    assert {"DEFAULT_NOT_ACTIVE_REVERTED", "OVERRIDE_NOT_OWNED_REVERTED", "SENDER_ALTERED"} <= warnings
    assert {"INVALID_MESSAGE", "INVALID_RECIPIENT", "UNKNOWN_ACCOUNT", "ACCOUNT_SUSPENDED", "EXPIRED"} <= set(
        told["parked"]
    )
    assert told["campaign"]["complete"]
    assert told["campaign"]["duplicates"] > 0
    assert list(temporary.glob("smart-assign-demo-*")) == []
    assert processes(temporary) == []


def test_it_keeps_its_data_for_the_other_commands(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    environment = cli_environment(tmp_path)
    shown = run_cli("demo", "--keep", str(kept), environment=environment, timeout=200)
    assert shown.returncode == 0, shown.stderr
    assert "Nothing lost, nothing twice" in shown.stdout
    decision = shown.stdout.split("--decision ")[1].split()[0]
    why = run_cli("explain", "--decision", decision, "--json", environment=cli_environment(kept))
    assert json.loads(why.stdout)["decision_id"] == decision
    again = run_cli("demo", "--keep", str(kept), environment=environment)
    assert (again.returncode, again.stdout) == (1, "")
    assert "is not empty" in again.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_it_leaves_nothing_behind_when_it_is_ended(number: signal.Signals, tmp_path: Path, temporary: Path) -> None:
    demo = subprocess.Popen(
        cli_command("demo"),
        env=cli_environment(tmp_path, {"TMPDIR": str(temporary)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        until(lambda: len(processes(temporary)) >= 4, 60, "the demo's worker")
        os.killpg(demo.pid, number)  # as a terminal does, to the whole foreground group
        demo.communicate(timeout=60)
        assert demo.returncode != 0
        until(lambda: processes(temporary) == [], PATIENCE_S, lambda: f"left behind: {listed(temporary)}")
    finally:
        kill_all(temporary)
    if number is not signal.SIGKILL:
        assert list(temporary.glob("smart-assign-demo-*")) == []
