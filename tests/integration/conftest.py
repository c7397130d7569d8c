"""One worker for each pair of broker and database, shared by all tests that need no settings of their own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import redis
from sqlalchemy import Engine

from core.store import Store
from tests.conftest import both_databases, started
from tests.support.accounts import open_store, seed
from tests.support.quiet import wait_until_quiet
from tests.support.running_worker import QUEUES, Deployment, RunningWorker, running
from tests.support.services import RedisProcess, postgres_database
from tests.support.stock_clients import delete_queues, purge, waiting
from tests.support.store_fixtures import empty, filled_schema

#: The time limit of one test; a worker starts within a few seconds.

PAIRS = [
    pytest.param("redis-sqlite", marks=pytest.mark.redis),
    pytest.param("rabbitmq-postgresql", marks=[pytest.mark.rabbitmq, pytest.mark.postgres]),
]

MakeDeployment = Callable[..., Deployment]

PASSED: pytest.StashKey[bool] = pytest.StashKey()


@pytest.fixture(scope="session")
def postgres_with_tables(postgres_server: str) -> Iterator[Engine]:
    """One database for all tests that need no more than tables, which take longer to make than most tests."""
    with postgres_database(postgres_server) as url, filled_schema(url) as engine:
        yield engine


@pytest.fixture(params=both_databases)
def tables_url(request: pytest.FixtureRequest) -> str:
    """Runs the test on both databases, each with all tables and no row; a SQLAlchemy URL."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    engine: Engine = request.getfixturevalue("postgres_with_tables")
    empty(engine)
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def make_deployment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeDeployment]:
    """Builds deployments: `make("redis-sqlite", setting="value")`, seeded, with a Redis server of their own."""
    with ExitStack() as stack:

        def make(pair: str, **settings: str) -> Deployment:
            broker, _, database = pair.partition("-")
            server = stack.enter_context(private_redis(request))
            broker_url = server.url if broker == "redis" else request.getfixturevalue("rabbitmq_url")
            if database == "sqlite":
                database_url = f"sqlite:///{tmp_path_factory.mktemp('database')}/test.sqlite3"
            else:
                database_url = stack.enter_context(postgres_database(request.getfixturevalue("postgres_server")))
            seed(database_url, server.url)
            deployment = Deployment(broker_url, server.url, database_url, settings)
            if broker == "rabbitmq":
                stack.callback(delete_queues, deployment, QUEUES)
            return deployment

        yield make


@contextmanager
def private_redis(request: pytest.FixtureRequest) -> Iterator[RedisProcess]:
    """A Redis of one deployment; a machine without one skips or fails the test."""
    with started(RedisProcess(), "a Redis server to start", request.getfixturevalue("absent")) as server:
        yield server


@pytest.fixture(scope="session", params=PAIRS, ids=lambda pair: f"worker on {pair}")
def shared_worker(request: pytest.FixtureRequest, make_deployment: MakeDeployment) -> Iterator[RunningWorker]:
    """A worker with the default settings on each pair, started once in the run."""
    with running(make_deployment(request.param)) as worker:
        yield worker


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, pytest.TestReport]:
    """Note whether a test itself passed, for the fixtures that look at what it leaves."""
    report: pytest.TestReport = yield
    if call.when == "call":
        item.stash[PASSED] = report.passed
    return report


@pytest.fixture
def worker(shared_worker: RunningWorker, request: pytest.FixtureRequest) -> Iterator[RunningWorker]:
    """The shared worker with empty queues, which must survive the test; a test takes all that comes of what it sends."""
    yield shared_worker
    try:
        assert shared_worker.alive, f"worker {shared_worker.name} ended:\n{shared_worker.log[-5000:]}"
        wait_until_quiet(shared_worker)
    except BaseException:
        begin_anew(shared_worker)
        raise
    left = {name: count for name in ("dispatch", "parked") if (count := waiting(shared_worker.deployment, name))}
    purge(shared_worker.deployment, "dispatch", "parked", "events")
    if left and request.node.stash.get(PASSED, False):
        pytest.fail(f"the test has not taken all that came of what it sent: {left}", pytrace=False)


def begin_anew(worker: RunningWorker) -> None:
    """What a test broke, or left at work, is gone: another process, on queues and a Redis without anything of it."""
    worker.kill()
    if not worker.deployment.on_redis:
        delete_queues(worker.deployment, QUEUES)  # with what nobody has acknowledged, which a purge would leave
    with redis.Redis.from_url(worker.deployment.redis_url) as client:
        client.flushall()
    worker.start()


@pytest.fixture
def deployment(worker: RunningWorker) -> Deployment:
    """The services of the shared worker."""
    return worker.deployment


@pytest.fixture
def store(deployment: Deployment) -> Iterator[Store]:
    """The deployment's database, as programs beside the worker use it."""
    with open_store(deployment.database_url, deployment.redis_url) as opened:
        yield opened
