"""Jasmin's router on RabbitMQ, where the variable names an interpreter that has Jasmin; else there is no such lane.

Its router takes a message from a queue, looks up its route and puts it on the queue of the route. That is the part of
Jasmin that does what ours does; the SMPP connections on both sides of it are left out.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import amqp

from benchmarks.drain import Drained, on_queue
from benchmarks.lanes.lane import Lane
from benchmarks.lanes.rabbitmq import publish
from benchmarks.process import Program
from benchmarks.services import Services

VARIABLE = "BENCH_JASMIN_PYTHON"
PROGRAM = Path(__file__).parents[1] / "programs" / "jasmin_forward.py"
#: Jasmin's own names, and the queues as it declares them: classic, not durable.
EXCHANGE, QUEUE, FORWARDED = "messaging", "RouterPB_deliver_sm_all", "deliver_sm_thrower.http"
BODY_S = 60


def fill(services: Services, numbers: range, queue: str) -> None:
    """So many messages on the router's queue, and a queue for what it forwards."""
    _declare(services, queue)
    publish(services, queue, _messages(services, numbers))


def _declare(services: Services, queue: str) -> None:
    assert services.rabbitmq is not None
    with services.rabbitmq.connection.channel() as channel:
        channel.exchange_declare(EXCHANGE, "topic", durable=False, auto_delete=False)
        for name in (queue, FORWARDED):
            channel.queue_delete(name)
            channel.queue_declare(name, auto_delete=False)
        channel.queue_bind(FORWARDED, EXCHANGE, FORWARDED)


def _messages(services: Services, numbers: range) -> Iterator[amqp.Message]:
    command = [*program(services).command, "--body"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=BODY_S)
    body = base64.b64decode(done.stdout.splitlines()[-1])
    flags = dict.fromkeys(("try-count", "concatenated", "will_be_concatenated"), 0)
    headers = {"connector-id": "upstream", "created_at": "2026-01-01 00:00:00", **flags}
    for number in numbers:
        yield amqp.Message(body, message_id=f"m{number}", application_headers=headers)


def program(services: Services) -> Program:
    """Its router in a process."""
    return services.stock([os.environ[VARIABLE], str(PROGRAM)], "RabbitMQ", BENCH_FOLDER=str(services.folder))


LANES = (
    (
        Lane(
            "jasmin",
            "Jasmin's router, forwarding a message between two queues that are neither durable nor confirmed",
            "RabbitMQ",
            6_000,
            Drained("RabbitMQ", QUEUE, fill, program, on_queue(FORWARDED)),
            ("amqp-celery-publish",),
        ),
    )
    if os.environ.get(VARIABLE)
    else ()
)
