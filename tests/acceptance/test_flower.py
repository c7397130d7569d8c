"""Flower beside a worker: tasks by name, with counts, and nothing of a message."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.accounts import message, seed
from tests.support.running_worker import PATIENCE_S, ROOT, Deployment, running, until
from tests.support.services import RedisProcess, free_port, signal_group
from tests.support.stock_clients import dispatched, push, send_with_celery

pytestmark = [pytest.mark.slow]

BODY, NUMBER = "BODY-7781", "+61491570159"


@pytest.fixture
def deployment(own_redis: RedisProcess, tmp_path: Path) -> Iterator[Deployment]:
    database_url = f"sqlite:///{tmp_path / 'flower.sqlite3'}"
    seed(database_url, own_redis.url)
    with running(Deployment(own_redis.url, own_redis.url, database_url)) as worker:
        yield worker.deployment


@pytest.fixture
def flower(deployment: Deployment, tmp_path: Path) -> Iterator[str]:
    """The address of a running Flower."""
    port = free_port()
    environment = deployment.environment | {"FLOWER_UNAUTHENTICATED_API": "true"}
    command = [sys.executable, "-m", "celery", "-A", "worker", "flower", f"--port={port}", "--address=127.0.0.1"]
    with (tmp_path / "flower.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(address), PATIENCE_S, (tmp_path / "flower.log").read_text)
        yield address
    finally:
        signal_group(process, 15)  # type: ignore[arg-type]


def read(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=5) as answer:
        return json.load(answer)


def answers(address: str) -> bool:
    try:
        return isinstance(read(f"{address}/api/tasks"), dict)
    except OSError:
        return False


def test_it_shows_tasks_with_counts_and_nothing_of_a_message(deployment: Deployment, flower: str) -> None:
    def listening() -> bool:
        push(deployment, [message(account_id="nobody")])
        time.sleep(0.2)
        return bool(read(f"{flower}/api/tasks"))

    until(listening, PATIENCE_S, "Flower's first event")
    marked = [message(NUMBER, body=BODY) for _ in range(7)]
    push(deployment, marked[:5])
    send_with_celery(deployment, [{"args": [marked[5]], "options": {"countdown": 0.2}}, {"args": [marked[6]]}])
    dispatched(deployment, 7)

    def shown() -> dict[str, list[dict[str, Any]]]:
        tasks = read(f"{flower}/api/tasks").values()
        return {
            name: [task for task in tasks if task["name"] == name] for name in ("messages.assign", "message.assign")
        }

    def counts() -> int:
        done = [task["result"] for tasks in shown().values() for task in tasks if task["state"] == "SUCCESS"]
        return sum(int(result.partition("'dispatched': ")[2].partition(",")[0]) for result in done)

    until(lambda: counts() == 7, PATIENCE_S, lambda: str(shown()))
    told = json.dumps(read(f"{flower}/api/tasks")) + json.dumps(read(f"{flower}/api/workers?refresh=true"))
    assert [marker for marker in (BODY, NUMBER, NUMBER[1:], "91570159") if marker in told] == []
    assert "message.assign" in told
