"""PostgreSQL with a standby: both are named in the URL, the primary is killed, the standby promoted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import make_url

from tests.chaos.conftest import SETTINGS, StartWorkers
from tests.conftest import started
from tests.support.accounts import AU, FR, GB, message, seed
from tests.support.running_worker import QUEUES, Deployment
from tests.support.services import PostgresProcess, RedisProcess, wait_for
from tests.support.standby import Standby, standby_of
from tests.support.stock_clients import delete_queues, dispatched, push

RECOVERY_S = 60.0

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(200)]


@pytest.fixture
def primary(absent: Callable[[str, Exception | str], None]) -> Iterator[PostgresProcess]:
    with started(PostgresProcess(), "a PostgreSQL server to start", absent) as server:
        yield server


@pytest.fixture
def standby(primary: PostgresProcess) -> Iterator[Standby]:
    with standby_of(primary) as server:
        yield server


@pytest.fixture(params=[pytest.param("redis", id="redis"), pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def beside_a_pair(
    request: pytest.FixtureRequest, own_redis: RedisProcess, primary: PostgresProcess, standby: Standby
) -> Iterator[Deployment]:
    database_url = primary.new_database()
    seed(database_url, own_redis.url)
    wait_for(standby.follows, 20, "the standby")
    url = make_url(database_url)
    both = f"postgresql://{url.username}@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/{url.database}"
    broker_url = own_redis.url if request.param == "redis" else request.getfixturevalue("rabbitmq_url")
    deployment = Deployment(broker_url, own_redis.url, both, SETTINGS | {"silence_s": "8"})
    yield deployment
    if request.param == "rabbitmq":
        delete_queues(deployment, QUEUES)


def test_it_follows_the_primary_to_the_standby(
    beside_a_pair: Deployment, primary: PostgresProcess, standby: Standby, start_workers: StartWorkers
) -> None:
    deployment = beside_a_pair
    start_workers(deployment, 1)
    push(deployment, [message(AU)])
    dispatched(deployment, 1)
    wait_for(standby.follows, 20, "the standby")
    primary.kill()
    push(deployment, [*(message(AU) for _ in range(20)), message(FR), message(GB)])
    assert {document["country"] for document in dispatched(deployment, 20, timeout=20)} == {"AU"}
    standby.promote()
    began = time.monotonic()
    late = dispatched(deployment, 2, timeout=RECOVERY_S)
    print(f"what needed SQL went out {time.monotonic() - began:.1f} s after the standby was promoted")
    assert {document["country"] for document in late} == {"FR", "GB"}
