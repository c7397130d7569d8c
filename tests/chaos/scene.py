"""All that the long form breaks: servers, the ways to them, and workers; everything of its own."""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import amqp
import redis
from celery import Celery
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.accounts import add_account, open_store, seed
from tests.support.postgres_pair import PostgresPair, postgres_pair
from tests.support.redis_pair import RedisPair, redis_pair
from tests.support.redis_refusals import USER, with_login
from tests.support.running_worker import READY_S, Deployment, RunningWorker, until
from tests.support.services import QUORUM_SETTLES_S, RabbitProcess, RedisProcess
from tests.support.silent_proxy import SilentProxy
from tests.support.sql_refusals import ROLE, Administrator
from tests.support.stock_clients import SLICE, all_dispatched, amqp_connection, receive, waiting

#: What a producer or consumer is told by its client where a broker is away.
AWAY = (redis.RedisError, OSError, amqp.AMQPError, OperationalError)
WORKERS = 2
SETTINGS = {
    "claim_deadline_s": "3",
    "claim_size": "200",
    "claim_attempts": "20",
    "silence_s": "8",
    "idempotency_window": "0",
}
#: How long a worker may take to answer.
ANSWER_S = 1.0

_Server = TypeVar("_Server", RedisProcess, RabbitProcess)


@dataclass
class Scene:
    """Servers, proxies before them, and workers that know the proxies alone."""

    pair: RedisPair | None
    rabbit: RabbitProcess | None
    cache: RedisProcess
    postgres: PostgresPair
    database: str
    #: By what they lead to: "broker", "cache", "sql", "sql of the other".
    proxies: dict[str, SilentProxy]
    deployment: Deployment
    workers: list[RunningWorker] = field(default_factory=list)

    @property
    def direct(self) -> Deployment:
        """As producers and consumers reach it, who are spared silence."""
        url = self.pair.primary.url if self.pair else self.rabbit.url if self.rabbit else ""
        return replace(self.deployment, broker_url=url)

    @property
    def administrator(self) -> Administrator:
        """Who may do anything to the present primary."""
        return Administrator(f"postgresql://postgres@127.0.0.1:{self.postgres.primary.port}/{self.database}")

    @property
    def broker(self) -> RedisProcess | RabbitProcess:
        """The server that takes messages at present."""
        if self.pair is not None:
            return self.pair.primary
        assert self.rabbit is not None
        return self.rabbit

    def start_workers(self) -> None:
        """All of them, until they are ready."""
        self.workers = [RunningWorker(self.deployment) for _ in range(WORKERS)]
        for worker in self.workers:
            worker.start(wait=False)
        for worker in self.workers:
            worker.wait_until_ready()

    def ready_worker(self, number: int) -> RunningWorker:
        """One that is ready, the first of them where that is not."""
        until(lambda: any(worker.ready for worker in self.workers), READY_S, "a worker that is ready")
        wanted = self.workers[number % WORKERS]
        return wanted if wanted.ready else next(worker for worker in self.workers if worker.ready)

    def tasks_done(self) -> dict[str, int]:
        """Tasks that each worker has begun since its start, as it says itself; none where it does not answer."""
        names = [worker.name for worker in self.workers]
        with suppress(*AWAY, KeyError), Celery(broker=self.direct.broker_url) as app:
            told: dict[str, Any] = app.control.inspect(destination=names, timeout=ANSWER_S, limit=WORKERS).stats() or {}
            return {name: sum(answer["total"].values()) for name, answer in told.items()}
        return {}

    def drained(self) -> list[tuple[str, str]]:
        """What stood on the dispatch queue, and stands there no more, by message id and dispatch id."""
        if self.pair is None:
            found = list(all_dispatched(self.direct))
        else:
            with self.pair.primary.client() as client:
                found = _taken_from_the_end(client, self.direct.queue("dispatch"))
            self.pair.wait_until_settled()  # else they would be there again after a failover
        return [(each["message_id"], each["dispatch_id"]) for each in found]

    def notices(self) -> list[dict[str, Any]]:
        """The same of the parked queue."""
        count = waiting(self.direct, "parked")
        return [message.payload for message in receive(self.direct, count, queue="parked")] if count else []

    def kept_logs(self) -> str:
        """Where what the workers have said is kept for whoever looks for a cause."""
        folder = Path(tempfile.mkdtemp(prefix="sa-found-"))
        for worker in self.workers:
            shutil.copy(worker.log_path, folder / f"{worker.name}.log")
        return str(folder)

    def restart(self, worker: RunningWorker) -> None:
        """By hand, which none is to need."""
        worker.kill()
        worker.start()

    def remove(self) -> None:
        """End the workers."""
        for worker in self.workers:
            worker.remove()


def _taken_from_the_end(client: redis.Redis, name: str) -> list[dict[str, Any]]:
    """The oldest stand at the end; others may come to the head meanwhile."""
    count = int(client.llen(name))  # type: ignore[arg-type]
    envelopes: list[bytes] = []
    for last in range(0, count, SLICE):
        envelopes += client.lrange(name, -min(count, last + SLICE), -last - 1)  # type: ignore[arg-type]
    if count:
        client.ltrim(name, 0, -count - 1)
    return [json.loads(base64.b64decode(json.loads(each)["body"])) for each in envelopes]


class Producing:
    """A producer's connection, which is told of each push whether it was taken."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._client: redis.Redis | None = None
        self._connection: Any = None
        self._channel: Any = None
        self._outstanding: set[int] = set()
        self._sent = 0

    def push(self, documents: Sequence[object], queue: str = "ingress") -> None:
        """Raises one of AWAY where it was not told so, or the replica does not have it."""
        bodies = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in documents]
        try:
            if self._scene.pair is not None:
                self._lpush(bodies, queue)
            else:
                self._publish(bodies, queue)
        except AWAY:
            self.close()
            raise

    def _lpush(self, bodies: Sequence[bytes], queue: str) -> None:
        assert self._scene.pair is not None
        if self._client is None:
            # Not tried again by the client: what was taken, though nobody was told, would stand there twice.
            self._client = redis.Redis(
                port=self._scene.pair.primary.port, socket_timeout=10, retry=Retry(NoBackoff(), 0)
            )
        self._client.lpush(self._scene.direct.queue(queue), *bodies)
        if int(self._client.wait(1, 2000)) < 1:
            raise redis.ConnectionError("no replica has it")

    def _publish(self, bodies: Sequence[bytes], queue: str) -> None:
        if self._connection is None:
            self._connection = amqp_connection(self._scene.direct)
            self._channel = self._connection.channel()
            self._channel.confirm_select()
            self._channel.events["basic_ack"].add(self._on_ack)
            self._sent, self._outstanding = 0, set()
        for body in bodies:
            self._sent += 1
            self._outstanding.add(self._sent)
            message = amqp.Message(body, content_type="application/json", delivery_mode=2)
            self._channel.basic_publish(message, "", self._scene.direct.queue(queue))
        while self._outstanding:
            self._connection.drain_events(timeout=30)

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self._outstanding -= {n for n in self._outstanding if n <= tag} if multiple else {tag}

    def close(self) -> None:
        """The next push dials anew."""
        client, self._client = self._client, None
        connection, self._connection = self._connection, None
        if client is not None:
            client.close()
        if connection is not None:
            with suppress(*AWAY):
                connection.collect()


@contextmanager
def scene_on(broker: str, accounts: Sequence[str]) -> Iterator[Scene]:
    """Everything, running, with these accounts beside the usual ones. Raises MissingServiceError."""
    with ExitStack() as stack:
        pair = stack.enter_context(redis_pair("--user", *USER)) if broker == "redis" else None
        rabbit = stack.enter_context(_running(RabbitProcess())) if pair is None else None
        cache = stack.enter_context(_running(RedisProcess(durable=True, options=("--appendfsync", "always"))))
        postgres = stack.enter_context(postgres_pair())
        database_url = _seeded(postgres, cache, accounts)
        broker_port = pair.primary.port if pair is not None else rabbit.port if rabbit is not None else 0
        targets = {"broker": broker_port, "cache": cache.port}
        targets |= dict(zip(("sql", "sql of the other"), postgres.ports, strict=True))
        proxies = {name: SilentProxy(port) for name, port in targets.items()}
        for proxy in proxies.values():
            stack.callback(proxy.close)
        at = {name: f"127.0.0.1:{proxy.port}" for name, proxy in proxies.items()}
        database = database_url.rpartition("/")[2]
        deployment = Deployment(
            with_login(f"redis://{at['broker']}/0") if pair is not None else f"amqp://guest:guest@{at['broker']}//",
            f"redis://{at['cache']}/0",
            f"postgresql://{ROLE}@{at['sql']},{at['sql of the other']}/{database}",
            SETTINGS,
        )
        scene = Scene(pair, rabbit, cache, postgres, database, proxies, deployment)
        stack.callback(scene.remove)
        scene.start_workers()
        if rabbit is not None:
            time.sleep(QUORUM_SETTLES_S)
        yield scene


@contextmanager
def _running(server: _Server) -> Iterator[_Server]:
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _seeded(postgres: PostgresPair, cache: RedisProcess, accounts: Sequence[str]) -> str:
    """A database with accounts and rules, which the workers' role may write to; its URL."""
    database_url = postgres.primary.new_database()
    seed(database_url, cache.url)
    with open_store(database_url, cache.url) as store:
        for account in accounts:
            add_account(store, account)
    Administrator(database_url.replace("+psycopg", "")).run(
        "CREATE ROLE {role} LOGIN",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}",
    )
    return database_url
