"""Task events, logs and inspection show names and counts, and nothing of a message."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.conftest import MakeDeployment
from tests.support.accounts import message
from tests.support.running_worker import PATIENCE_S, Deployment, RunningWorker, running, until
from tests.support.stock_clients import dispatched, listening, notices, push, send_with_celery

NUMBER = "+61491570158"
MARKERS = ("BODY-5309", "CUSTOM-5309", "SOURCE-5309", NUMBER, NUMBER[1:], "91570158")


def marked(**fields: Any) -> dict[str, Any]:
    return message(NUMBER, body="BODY-5309", custom_string="CUSTOM-5309", source="SOURCE-5309") | fields


def leaks(text: str) -> set[str]:
    return {marker for marker in MARKERS if marker in text}


def test_it_shows_claims_with_their_counts(worker: RunningWorker) -> None:
    deployment = worker.deployment
    with listening(deployment) as listener:
        push(deployment, [marked(), marked(account_id="nobody"), b"{BODY-5309"])
        send_with_celery(deployment, [{"args": [marked()]}])
        dispatched(deployment, 2)
        notices(deployment, 2)

        def told() -> int:
            results = [event["result"] for event in listener.tasks("messages.assign", "task-succeeded")]
            return sum(int(n) for result in results for n in re.findall(r"'(?:dispatched|parked)': (\d+)", result))

        until(lambda: told() == 4, PATIENCE_S, lambda: str(listener.events))
        received = listener.tasks("messages.assign", "task-received")
        assert sum(int(event["args"].rpartition(", ")[2].rstrip(")")) for event in received) == 4
        assert leaks(json.dumps(listener.events, default=str)) == set()
    assert leaks(worker.log) == set()


def test_it_hides_the_arguments_of_tasks_that_celery_runs(worker: RunningWorker) -> None:
    deployment = worker.deployment
    with listening(deployment) as listener:
        seen: list[str] = []

        def scheduled() -> bool:
            inspect = listener.app.control.inspect(destination=[worker.name], timeout=10, limit=1)
            answers = {name: getattr(inspect, name)() for name in ("scheduled", "reserved", "active")}
            seen.append(json.dumps(answers, default=str))
            return "message.assign" in seen[-1]

        with ThreadPoolExecutor() as beside:  # so that it is looked for from the first moment
            beside.submit(send_with_celery, deployment, [{"args": [marked()], "options": {"countdown": 3}}])
            until(scheduled, PATIENCE_S, lambda: str(seen))
        dispatched(deployment, 1)
        until(lambda: bool(listener.tasks("message.assign", "task-succeeded")), PATIENCE_S, "the end of the task")
        assert leaks(json.dumps([listener.events, seen], default=str)) == set()
    assert leaks(worker.log) == set()


@pytest.fixture
def without_sql(make_deployment: MakeDeployment) -> Iterator[RunningWorker]:
    """A worker whose database is not there, so that what goes through Celery is tried again and again."""
    made = make_deployment("redis-sqlite")
    broken = Deployment(made.broker_url, made.redis_url, "sqlite:////nowhere/at/all.sqlite3")
    with running(broken) as worker:
        yield worker


@pytest.mark.redis
def test_it_hides_the_arguments_of_tasks_that_fail(without_sql: RunningWorker) -> None:
    deployment = without_sql.deployment
    with listening(deployment) as listener:
        send_with_celery(deployment, [{"args": [marked()], "options": {"countdown": 0.1}}])
        until(
            lambda: len(listener.tasks("message.assign", "task-retried")) >= 2,
            PATIENCE_S,
            lambda: without_sql.log[-3000:],
        )
        push(deployment, [marked(), marked(account_id=7)])
        time.sleep(1)
        assert leaks(json.dumps(listener.events, default=str)) == set()
    assert leaks(without_sql.log) == set()
