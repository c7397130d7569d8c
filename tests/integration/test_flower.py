"""What an operator sees in Flower: workers, and claims with their counts; nothing without the password."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError, URLError

from tests.support.accounts import message
from tests.support.command_line import cli_command
from tests.support.quiet import wait_until_quiet
from tests.support.running_worker import ROOT, Deployment, RunningWorker, until
from tests.support.services import free_port, signal_group
from tests.support.stock_clients import dispatched, push, waiting

LOGIN = "operator:secret"
START_S = 60.0


@contextmanager
def flower(deployment: Deployment) -> Iterator[str]:
    """The address of a Flower on the deployment; it answers."""
    port = free_port()
    ours = {"SMART_ASSIGN_FLOWER_PORT": str(port), "SMART_ASSIGN_FLOWER_BASIC_AUTH": LOGIN}
    process = subprocess.Popen(
        cli_command("flower"),
        cwd=ROOT,
        env=deployment.environment | ours,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: status(f"http://127.0.0.1:{port}/healthcheck") == 200, START_S, "Flower's start")
        yield f"http://127.0.0.1:{port}"
    finally:
        signal_group(process, signal.SIGTERM)


def status(url: str, login: str | None = None) -> int:
    """The HTTP status; 0: nobody answers."""
    try:
        with opened(url, login) as response:
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code
    except URLError:
        return 0


def opened(url: str, login: str | None) -> Any:
    headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10)


def tasks(url: str) -> list[dict[str, Any]]:
    with opened(f"{url}/api/tasks", LOGIN) as response:
        return list(json.load(response).values())


def test_it_shows_claims_with_their_counts_to_who_has_the_password(worker: RunningWorker) -> None:
    with flower(worker.deployment) as url:
        assert [status(f"{url}/tasks"), status(f"{url}/tasks", "operator:wrong")] == [401, 401]
        assert status(f"{url}/tasks", LOGIN) == 200

        def seen() -> list[dict[str, Any]]:
            push(worker.deployment, [message()])
            return [task for task in tasks(url) if (task["name"], task["state"]) == ("messages.assign", "SUCCESS")]

        until(lambda: bool(seen()), START_S, "a claim in Flower")
        assert seen()[0]["result"] == "{'dispatched': 1, 'parked': 0}"
        assert seen()[0]["worker"] == worker.name
    wait_until_quiet(worker)
    dispatched(worker.deployment, waiting(worker.deployment, "dispatch"))
