"""What a worker with four children takes of memory for the largest batches that are read, all at once: within 1 GiB."""

from __future__ import annotations

import base64
import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import amqp
import pytest
import redis

from tests.integration.conftest import MakeDeployment
from tests.support.accounts import message
from tests.support.running_worker import Deployment, RunningWorker, running, until
from tests.support.stock_clients import amqp_connection, push, waiting
from worker.settings import Settings

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        not Path("/proc/self/smaps_rollup").exists(), reason="the system does not tell what a process takes"
    ),
]

#: What docker-compose.yml allows a worker.
LIMIT_MIB = 1024
RECIPIENTS, BATCHES, BOMBS = 2000, 3, 40


def largest_batch(batch_id: str) -> bytes:
    """A task's arguments that hold a batch of nearly as many bytes as are read."""
    each = Settings.model_fields["batch_max_bytes"].default // RECIPIENTS - 200
    recipients = [{"to": f"+6149157{place:04d}", "custom_string": "x" * each} for place in range(RECIPIENTS)]
    batch = {"account_id": "acme", "campaign_id": "c", "batch_id": batch_id, "body": "Hello", "recipients": recipients}
    return json.dumps([[batch], {}, {}]).encode()


def largest_message() -> bytes:
    document = message(source="x" * (Settings.model_fields["document_max_bytes"].default - 1000))
    return json.dumps([[document], {}, {}]).encode()


def send_packed(deployment: Deployment, queue: str, task: str, body: bytes) -> None:
    """A task of some kilobytes at most: what it unpacks to is what counts."""
    packed, name = zlib.compress(body, 1), deployment.queue(queue)
    headers = {"task": task, "id": "t", "compression": "application/x-gzip"}
    if deployment.on_redis:
        envelope = {"body": base64.b64encode(packed).decode(), "content-type": "application/json", "headers": headers}
        with redis.Redis.from_url(deployment.broker_url) as client:
            client.lpush(name, json.dumps(envelope | {"properties": {"delivery_tag": "t", "body_encoding": "base64"}}))
        return
    with amqp_connection(deployment) as connection:
        sent = amqp.Message(packed, content_type="application/json", application_headers=headers)
        connection.channel().basic_publish(sent, "", name)


def taken_mib(pid: int) -> int:
    """What a process takes, its part of what it shares: as a container counts it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("Pss:")), 0)


@contextmanager
def watched(worker: RunningWorker) -> Iterator[list[int]]:
    """The most that the worker's processes took together, until the end of the block."""
    most, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            assert worker.process is not None
            most[0] = max(most[0], sum(map(taken_mib, (worker.process.pid, *worker.children))))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param("redis-sqlite", marks=pytest.mark.redis),
        pytest.param("rabbitmq-postgresql", marks=[pytest.mark.rabbitmq, pytest.mark.postgres]),
    ],
)
def test_it_stays_within_what_it_is_allowed(make_deployment: MakeDeployment, pair: str) -> None:
    deployment = make_deployment(pair, concurrency="4")
    with running(deployment) as worker, watched(worker) as most:
        for place in range(BATCHES):
            send_packed(deployment, "campaigns", "campaign.assign", largest_batch(f"b{place}"))
        for _ in range(BOMBS):
            send_packed(deployment, "messages", "message.assign", largest_message())
        push(deployment, [message() for _ in range(100)])
        expected = BATCHES * RECIPIENTS + BOMBS + 100
        until(
            lambda: waiting(deployment, "dispatch") >= expected, 150, lambda: f"{waiting(deployment, 'dispatch')} sent"
        )
        assert worker.alive
        assert waiting(deployment, "parked") == 0
    assert 0 < most[0] < LIMIT_MIB, f"it took {most[0]} MiB"
