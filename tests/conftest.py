"""Fixtures for real services.

A missing service skips the tests that need it; with SMART_ASSIGN_REQUIRE_SERVICES=1 it fails them. The end of the run
says which services were real and which were missing. Addresses: SMART_ASSIGN_TEST_REDIS_URL,
SMART_ASSIGN_TEST_RABBITMQ_URL, SMART_ASSIGN_TEST_POSTGRES_URL.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from hypothesis import settings
from xdist.remote import Producer

from tests.support.effort import EFFORT, FULL, examples
from tests.support.parallel import BySharedFixtureOrFile, longest_first
from tests.support.scratch import scratch
from tests.support.services import (
    HaProxyProcess,
    MissingServiceError,
    PgBouncerProcess,
    PostgresProcess,
    RabbitProcess,
    RedisProcess,
    amqp_answers,
    postgres_database,
    rabbitmq_vhost,
)

RABBITMQ_URL = "amqp://guest:guest@127.0.0.1:5672//"
POSTGRES_URL = "postgresql://postgres@127.0.0.1:5432/postgres"

MISSING = "missing"
SERVICES: pytest.StashKey[dict[str, str]] = pytest.StashKey()
LEFT_OPEN: pytest.StashKey[list[object]] = pytest.StashKey()

_Server = TypeVar("_Server", RedisProcess, PostgresProcess, RabbitProcess, PgBouncerProcess, HaProxyProcess)

both_brokers = [pytest.param("redis", marks=pytest.mark.redis), pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)]
both_databases = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


def services_are_required() -> bool:
    return os.environ.get("SMART_ASSIGN_REQUIRE_SERVICES") == "1"


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts background jobs with Ctrl-C ignored, and every program that a test starts would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[SERVICES] = {}
    scratch()
    # The same examples in every run; a sweep, which asks for more, draws its own.
    settings.register_profile("locked", examples(100), derandomize=EFFORT <= FULL)
    settings.load_profile("locked")


def runs_beside_others(config: pytest.Config) -> bool:
    """Whether this is one of the processes among which a run is divided."""
    return hasattr(config, "workeroutput")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded until the first test stays: the collector need not look through it during every one."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if runs_beside_others(config):
        items.sort(key=longest_first)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> BySharedFixtureOrFile:
    return BySharedFixtureOrFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, pytest.TestReport]:
    """Keep what a failed test has left open until the run ends: freed earlier, it is told as a warning of another test."""
    if call.excinfo is not None:
        item.session.stash.setdefault(LEFT_OPEN, []).append(call.excinfo)
    report: pytest.TestReport = yield
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if runs_beside_others(session.config):
        session.config.workeroutput["services"] = session.config.stash[SERVICES]


def pytest_testnodedown(node: Any) -> None:
    """Take what a process found of the services; one found missing stays so, whatever another saw."""
    known = node.config.stash[SERVICES]
    for name, state in getattr(node, "workeroutput", {}).get("services", {}).items():
        if not known.get(name, "").startswith(MISSING):
            known[name] = state


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if found := config.stash[SERVICES]:
        terminalreporter.section("services")
        for name, state in found.items():
            terminalreporter.line(f"{name}: {state}")


@pytest.fixture(scope="session")
def absent(pytestconfig: pytest.Config) -> Callable[[str, Exception | str], None]:
    """Note that a service is missing, and skip or fail the test that asked for it."""

    def end_test(name: str, reason: Exception | str) -> None:
        pytestconfig.stash[SERVICES][name] = f"{MISSING}, its tests did not run ({reason})"
        (pytest.fail if services_are_required() else pytest.skip)(f"{name} is missing: {reason}")

    return end_test


@pytest.fixture(scope="session")
def present(pytestconfig: pytest.Config) -> Callable[[str, str], None]:
    """Note for the summary that a service is real."""

    def note(name: str, where: str) -> None:
        pytestconfig.stash[SERVICES][name] = f"real, {where}"

    return note


def database_of_this_process(url: str) -> str:
    """Each process of a run empties a database of its own on the configured server."""
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    address = urlsplit(url)
    return address._replace(path=f"/{int(address.path.strip('/') or 0) + process}").geturl() if process else url


@contextmanager
def started(server: _Server, name: str, absent: Callable[[str, Exception | str], None]) -> Iterator[_Server]:
    """A private server that runs and is removed at the end; where this machine has none, the test ends."""
    try:
        server.start()
    except MissingServiceError as error:
        server.remove()
        absent(name, error)
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def redis_server(absent: Callable[[str, Exception | str], None], present: Callable[[str, str], None]) -> Iterator[str]:
    """The URL of a Redis for the whole session: the one configured, else a private one without persistence."""
    if named := os.environ.get("SMART_ASSIGN_TEST_REDIS_URL"):
        configured = database_of_this_process(named)
        try:
            with redis.Redis.from_url(configured) as client:
                version = client.info("server")["redis_version"]
        except redis.RedisError as error:
            absent("Redis", error)
        present("Redis", f"{version} as configured")
        yield configured
        return
    with started(RedisProcess(), "Redis", absent) as server:
        with server.client() as client:
            present("Redis", f"{client.info('server')['redis_version']}, a private server of this run")
        yield server.url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """An empty database of a real Redis (redis-py URL, also a kombu URL)."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushdb()
    return redis_server


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of that database, answering in bytes."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture(scope="session")
def rabbitmq_url(absent: Callable[[str, Exception | str], None], present: Callable[[str, str], None]) -> Iterator[str]:
    """The URL of a virtual host of this run; use unique queue names all the same, it is shared by the run's tests."""
    server = os.environ.get("SMART_ASSIGN_TEST_RABBITMQ_URL", RABBITMQ_URL)
    if not amqp_answers(server):
        absent("RabbitMQ", f"nothing answers at {server.rpartition('@')[2]}")
    present("RabbitMQ", f"at {server.rpartition('@')[2]}")
    with rabbitmq_vhost(server) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_server(absent: Callable[[str, Exception | str], None], present: Callable[[str, str], None]) -> str:
    """The URL (for psycopg) of a PostgreSQL in which databases may be made."""
    server = os.environ.get("SMART_ASSIGN_TEST_POSTGRES_URL", POSTGRES_URL)
    try:
        with psycopg.connect(server, connect_timeout=3) as admin:
            present("PostgreSQL", f"{admin.info.server_version // 10000} at {admin.info.host}:{admin.info.port}")
    except psycopg.OperationalError as error:
        absent("PostgreSQL", error)
    return server


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database of this test, dropped afterwards."""
    with postgres_database(postgres_server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The SQLAlchemy URL of a SQLite file of this test."""
    return f"sqlite:///{tmp_path / 'test.sqlite3'}"


@pytest.fixture(params=both_brokers)
def broker_url(request: pytest.FixtureRequest) -> str:
    """Runs the test on both brokers; a kombu URL."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=both_databases)
def database_url(request: pytest.FixtureRequest) -> str:
    """Runs the test on both databases, each empty; a SQLAlchemy URL."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def own_redis(absent: Callable[[str, Exception | str], None]) -> Iterator[RedisProcess]:
    """A running Redis with AOF that the test may kill and start again."""
    with started(RedisProcess(durable=True), "a Redis server to start", absent) as server:
        yield server


@pytest.fixture(scope="module")
def own_postgres(absent: Callable[[str, Exception | str], None]) -> Iterator[PostgresProcess]:
    """A running PostgreSQL that the tests of one module may kill and start again."""
    with started(PostgresProcess(), "a PostgreSQL server to start", absent) as server:
        yield server


@pytest.fixture(scope="session")
def own_rabbitmq(absent: Callable[[str, Exception | str], None]) -> Iterator[RabbitProcess]:
    """A running RabbitMQ that tests may kill and start again, leaving it running for the next test."""
    with started(RabbitProcess(), "a RabbitMQ server to start", absent) as server:
        yield server
