"""What the lanes run on: a private Redis, a virtual host of RabbitMQ, databases; all gone when the block ends."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import amqp
import psutil
import psycopg
import redis

from benchmarks.process import CELERY, ROOT, WORKER_OPTIONS, Program
from tests.support.accounts import seed
from tests.support.running_worker import QUEUES, Deployment
from tests.support.services import RedisProcess, amqp_answers, rabbitmq_vhost
from worker.rabbitmq_broker.queues import declare_queues
from worker.settings import Settings

#: Queue of the programs that are measured beside ours, and the queue that they publish to.
STOCK_QUEUE, STOCK_DISPATCH = "stock", "stock.dispatch"
#: Where the services of this machine are looked for, unless the tests' variables say otherwise.
RABBITMQ_URL = "amqp://guest:guest@127.0.0.1:5672//"
POSTGRES_URL = "postgresql://postgres@127.0.0.1:5432/postgres"
QUORUM = {"x-queue-type": "quorum"}


def _inherited() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"PYTHONPATH": str(ROOT)}


@dataclass(frozen=True)
class Services:
    """Addresses; `rabbitmq_url` and `postgres_url` are None where nothing answers there."""

    redis: RedisProcess
    rabbitmq_url: str | None
    postgres_url: str | None
    folder: Path
    rabbitmq: Rabbit | None = None
    stem: str = "bench"
    environment: Mapping[str, str] = field(default_factory=_inherited)

    @cached_property
    def client(self) -> redis.Redis:
        """A client of the private Redis."""
        return self.redis.client()

    @property
    def database_url(self) -> str:
        """SQLite with account acme; decisions are warm in every lane that does not say otherwise."""
        return f"sqlite:///{self.folder / 'accounts.sqlite3'}"

    @property
    def redis_process(self) -> psutil.Process:
        """The server."""
        assert self.redis.process is not None
        return psutil.Process(self.redis.process.pid)

    def deployment(self, broker: str, *, database_url: str | None = None, concurrency: int = 1) -> Deployment:
        """Ours on `Redis` or `RabbitMQ`."""
        url = self.redis.url if broker == "Redis" else self.rabbitmq_url
        assert url is not None
        settings = {"concurrency": str(concurrency)}
        return Deployment(url, self.redis.url, database_url or self.database_url, settings, stem=self.stem)

    def ours(self, deployment: Deployment, app: str = "worker", **extra: str) -> Program:
        """Our worker, as `celery -A worker worker` starts it."""
        command = [*CELERY, "-A", app, "worker", "-n", "ours@bench", *WORKER_OPTIONS]
        return Program(command, {**deployment.environment, **extra})

    def stock(self, command: Sequence[str], broker: str, **extra: str) -> Program:
        """A program of another library, told where to read and write."""
        url = self.redis.url if broker == "Redis" else str(self.rabbitmq_url)
        ways = {"BENCH_BROKER_URL": url, "BENCH_QUEUE": STOCK_QUEUE, "BENCH_DISPATCH": STOCK_DISPATCH}
        return Program(command, {**self.environment, **ways, **extra})

    def clear(self, *, keep_decisions: bool = False) -> None:
        """Empty both brokers; unless kept, epochs and decisions go too, and come back from SQL."""
        if keep_decisions:
            self._delete_all_but_decisions()
        else:
            self.client.flushall()
        if self.rabbitmq:
            self.rabbitmq.clear(self.deployment("RabbitMQ"))

    def _delete_all_but_decisions(self) -> None:
        kept = tuple(f"{Settings().key_prefix}:{name}".encode() for name in ("decision:", "epoch"))
        others = [key for key in self.client.scan_iter(count=10_000) if not key.startswith(kept)]
        if others:
            self.client.delete(*others)


class Rabbit:
    """The virtual host, through one connection of our own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._parts = urlsplit(url)
        self.process = _listening_process(self._parts.port or 5672)
        self.connection = self.connect()
        self.version = str(self.connection.server_properties.get("version", "?"))

    def connect(self) -> amqp.Connection:
        """A new connection."""
        connection = amqp.Connection(
            f"{self._parts.hostname}:{self._parts.port or 5672}",
            userid=self._parts.username,
            password=self._parts.password,
            virtual_host=self._parts.path.removeprefix("/") or "/",
        )
        connection.connect()
        return connection

    def count(self, queue: str) -> int:
        """Messages that are ready on a queue; 0 where there is none."""
        with self.connection.channel() as channel:
            try:
                return int(channel.queue_declare(queue, passive=True).message_count)
            except amqp.NotFound:
                return 0

    def declare(self, queue: str, *, quorum: bool) -> None:
        """A durable queue, empty."""
        with self.connection.channel() as channel:
            channel.queue_declare(queue, durable=True, auto_delete=False, arguments=QUORUM if quorum else {})

    def declare_ours(self, deployment: Deployment) -> None:
        """Our queues, as a worker declares them."""
        named = {f"{name}_queue": deployment.queue(name) for name in QUEUES}
        declare_queues(self.connection, Settings(broker_url=deployment.broker_url, **named))

    def clear(self, deployment: Deployment) -> None:
        """Delete all queues of the lanes."""
        names = [*(deployment.queue(name) for name in QUEUES), STOCK_QUEUE, STOCK_DISPATCH]
        with self.connection.channel() as channel:
            for name in names:
                channel.queue_delete(name)


def _listening_process(port: int) -> psutil.Process | None:
    """RabbitMQ's process on this machine, as far as we may know it."""
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "beam.smp":
            with suppress(psutil.Error):
                if any(socket.laddr and socket.laddr.port == port for socket in process.net_connections()):
                    return process
    return None


@contextmanager
def services(*, durable: bool, with_rabbitmq: bool = True) -> Iterator[Services]:
    """Start and find what the lanes need; `durable`: Redis keeps an append-only file, as in production."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sa-bench-")))
        server = RedisProcess(durable=durable)
        stack.callback(server.remove)
        server.start()
        rabbitmq_url = stack.enter_context(_rabbitmq(with_rabbitmq))
        rabbit = Rabbit(rabbitmq_url) if rabbitmq_url else None
        if rabbit:
            stack.callback(rabbit.connection.close)
        found = Services(server, rabbitmq_url, _postgres(), folder, rabbit)
        stack.callback(found.client.close)
        seed(found.database_url, server.url)
        yield found


@contextmanager
def _rabbitmq(wanted: bool) -> Iterator[str | None]:
    server = os.environ.get("SMART_ASSIGN_TEST_RABBITMQ_URL", RABBITMQ_URL)
    if not wanted or not amqp_answers(server):
        yield None
        return
    with rabbitmq_vhost(server) as url:
        yield url


def _postgres() -> str | None:
    server = os.environ.get("SMART_ASSIGN_TEST_POSTGRES_URL", POSTGRES_URL)
    try:
        with psycopg.connect(server, connect_timeout=3):
            return server
    except psycopg.OperationalError:
        return None
