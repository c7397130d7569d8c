"""Other people's programs: they know queue names, JSON and their own client library, and none of our code.

What is read, is read by stock kombu; what is sent, by redis-py, py-amqp, or Celery in a process of its own.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any
from urllib.parse import urlsplit

import amqp
import redis
from celery import Celery
from kombu import Connection, Queue
from kombu.message import Message

from tests.support.running_worker import PATIENCE_S, Deployment, until
from worker.handoff.keys import Keys
from worker.redis_broker.lines import waiting_in_lines

#: Envelopes read at once.
SLICE = 5000
#: From so many on, messages are taken by hand: kombu's client needs some milliseconds for each.
MANY = 200
CELERY_PROGRAM = Path(__file__).parent / "programs" / "send_with_celery.py"


def as_bytes(document: object) -> bytes:
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def push(deployment: Deployment, documents: Iterable[object], queue: str = "ingress") -> None:
    """Plain JSON by LPUSH, or by py-amqp with confirms."""
    bodies = [as_bytes(document) for document in documents]
    if deployment.on_redis:
        with redis.Redis.from_url(deployment.broker_url) as client, client.pipeline(transaction=False) as pipe:
            for body in bodies:
                pipe.lpush(deployment.queue(queue), body)
            pipe.execute()
    else:
        publish(deployment, bodies, queue)


def publish(deployment: Deployment, bodies: Sequence[bytes], queue: str = "ingress", **properties: Any) -> None:
    """By py-amqp: persistent, one wait for each confirm."""
    with amqp_connection(deployment) as connection:
        channel = connection.channel()
        channel.confirm_select()
        outstanding = set(range(1, len(bodies) + 1))

        def on_ack(tag: int, multiple: bool) -> None:
            outstanding.difference_update([n for n in outstanding if n <= tag] if multiple else [tag])

        channel.events["basic_ack"].add(on_ack)
        properties = {"content_type": "application/json", "delivery_mode": 2} | properties
        for body in bodies:
            channel.basic_publish(amqp.Message(body, **properties), "", deployment.queue(queue))
        while outstanding:
            connection.drain_events(timeout=30)


def amqp_connection(deployment: Deployment) -> amqp.Connection:
    parts = urlsplit(deployment.broker_url)
    connection = amqp.Connection(
        f"{parts.hostname}:{parts.port or 5672}",
        userid=parts.username,
        password=parts.password,
        virtual_host=parts.path.removeprefix("/") or "/",
    )
    connection.connect()
    return connection


def send_with_celery(deployment: Deployment, calls: Sequence[Mapping[str, Any]], **options: Any) -> list[Any]:
    """Run a program that imports Celery and nothing of ours; gives what it printed for each call."""
    order = {"broker": deployment.broker_url, "queue": deployment.queue("messages"), "calls": list(calls)} | options
    done = subprocess.run(
        [sys.executable, "-I", str(CELERY_PROGRAM)],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def receive(
    deployment: Deployment, count: int, *, queue: str = "dispatch", timeout: float = PATIENCE_S
) -> list[Message]:
    """Take `count` messages by kombu's SimpleQueue and acknowledge them; fails the test where fewer come."""
    messages: list[Message] = []
    deadline = time.monotonic() + timeout
    with Connection(deployment.broker_url) as connection:
        simple = connection.SimpleQueue(Queue(deployment.queue(queue), no_declare=True))
        while len(messages) < count:
            try:
                message = simple.get(timeout=max(0.01, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f"{len(messages)} of {count} messages came on {queue}") from None
            message.ack()
            messages.append(message)
        simple.close()
    return messages


def dispatched(deployment: Deployment, count: int, timeout: float = PATIENCE_S) -> list[dict[str, Any]]:
    """The next enriched documents on the dispatch queue; fails the test where fewer come within so many seconds."""
    return _documents(deployment, count, "dispatch", timeout)


def notices(deployment: Deployment, count: int, timeout: float = PATIENCE_S) -> list[dict[str, Any]]:
    """The next notices on the parked queue; as `dispatched`."""
    return _documents(deployment, count, "parked", timeout)


def _documents(deployment: Deployment, count: int, queue: str, timeout: float) -> list[dict[str, Any]]:
    if count < MANY:
        return [message.payload for message in receive(deployment, count, queue=queue, timeout=timeout)]
    take = _taken_from_redis if deployment.on_redis else _taken_from_rabbitmq
    documents = take(deployment, count, queue, time.monotonic() + timeout)
    assert len(documents) == count, f"{len(documents)} of {count} messages came on {queue}"
    return documents


def _taken_from_redis(deployment: Deployment, count: int, queue: str, deadline: float) -> list[dict[str, Any]]:
    """From the end that kombu takes from."""
    documents: list[dict[str, Any]] = []
    with redis.Redis.from_url(deployment.broker_url) as client:
        while len(documents) < count and time.monotonic() < deadline:
            envelopes: Any = client.rpop(deployment.queue(queue), count - len(documents))
            documents += map(_unpacked, envelopes or ())
            if not envelopes:
                time.sleep(0.02)
    return documents


def _taken_from_rabbitmq(deployment: Deployment, count: int, queue: str, deadline: float) -> list[dict[str, Any]]:
    """No more than that many, with one acknowledgement for all."""
    came: list[Any] = []
    with amqp_connection(deployment) as connection, suppress(TimeoutError):
        channel = connection.channel()
        channel.basic_qos(0, count, False)
        channel.basic_consume(deployment.queue(queue), callback=came.append)
        while len(came) < count:
            connection.drain_events(timeout=max(0.01, deadline - time.monotonic()))
        channel.basic_ack(came[-1].delivery_tag, multiple=True)
        channel.close()  # answered when all is acknowledged
    return [json.loads(each.body) for each in came]


def _unpacked(envelope: bytes) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(json.loads(envelope)["body"])))


def all_dispatched(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """All that stands on the dispatch queue, without an acknowledgement for each, which would take long."""
    count, name = waiting(deployment, "dispatch"), deployment.queue("dispatch")
    if deployment.on_redis:
        with redis.Redis.from_url(deployment.broker_url) as client:
            for first in range(0, count, SLICE):
                envelopes = client.lrange(name, first, min(first + SLICE, count) - 1)
                yield from map(_unpacked, envelopes)  # type: ignore[arg-type]
        return
    bodies: list[bytes | str] = []
    with amqp_connection(deployment) as connection:
        channel = connection.channel()
        tag = channel.basic_consume(name, no_ack=True, callback=lambda taken: bodies.append(taken.body))
        while len(bodies) < count:
            connection.drain_events(timeout=30)
        channel.basic_cancel(tag)  # what comes until the answer has left the queue, too
    yield from map(json.loads, bodies)


def waiting(deployment: Deployment, queue: str) -> int:
    """How many messages stand on a queue."""
    if deployment.on_redis:
        with redis.Redis.from_url(deployment.broker_url) as client:
            in_lines = waiting_in_lines(client, Keys("smart-assign"), queue)
            return in_lines + int(client.llen(deployment.queue(queue)))  # type: ignore[arg-type]
    with amqp_connection(deployment) as connection:
        return int(connection.channel().queue_declare(deployment.queue(queue), passive=True).message_count)


def purge(deployment: Deployment, *queues: str) -> None:
    """Empty queues."""
    if deployment.on_redis:
        with redis.Redis.from_url(deployment.broker_url) as client:
            client.delete(*(deployment.queue(queue) for queue in queues))
        return
    with amqp_connection(deployment) as connection:
        channel = connection.channel()
        for queue in queues:
            channel.queue_purge(deployment.queue(queue))


def delete_queues(deployment: Deployment, queues: Iterable[str]) -> None:
    """Remove a deployment's queues from RabbitMQ, where they have not gone with their virtual host."""
    with suppress(amqp.NotAllowed), amqp_connection(deployment) as connection:
        channel = connection.channel()
        for queue in queues:
            channel.queue_delete(deployment.queue(queue))


class Listener(threading.Thread):
    """Listens to the event stream as Flower does."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(daemon=True)
        self.app = Celery(broker=deployment.broker_url)
        self.events: list[dict[str, Any]] = []
        self._receiver: Any = None

    def run(self) -> None:
        with self.app.connection_for_read() as connection:
            self._receiver = self.app.events.Receiver(connection, handlers={"*": self.events.append})
            self._receiver.capture(limit=None, wakeup=False)

    def stop(self) -> None:
        if self._receiver is not None:
            self._receiver.should_stop = True
        self.join(10)

    def tasks(self, name: str, kind: str) -> list[dict[str, Any]]:
        """The events of one kind about tasks of that name."""
        named = {event["uuid"] for event in self.events if event.get("name") == name}
        return [event for event in self.events if event["type"] == kind and event["uuid"] in named]


@contextmanager
def listening(deployment: Deployment) -> Iterator[Listener]:
    listener = Listener(deployment)
    listener.start()
    try:
        # A heartbeat comes every two seconds, so by the first event it is listening.
        until(lambda: bool(listener.events), PATIENCE_S, "any event of the worker")
        yield listener
    finally:
        listener.stop()
