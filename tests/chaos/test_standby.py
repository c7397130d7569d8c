"""PostgreSQL with a standby: both are named in the URL, the primary is killed, the standby promoted.

`SMART_ASSIGN_CHAOS_LEADERS=20` makes as many failovers, there and back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import make_url

from tests.chaos.conftest import SETTINGS, StartWorkers
from tests.support.accounts import AU, FR, GB, add_account, message, open_store, seed
from tests.support.postgres_pair import PostgresPair, postgres_pair
from tests.support.running_worker import QUEUES, Deployment
from tests.support.services import MissingServiceError, RedisProcess
from tests.support.stock_clients import delete_queues, dispatched, push, waiting

LEADERS = int(os.environ.get("SMART_ASSIGN_CHAOS_LEADERS", "1"))
RECOVERY_S = 60.0

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(200 + 90 * LEADERS)]


@pytest.fixture
def pair(absent: Callable[[str, Exception | str], None]) -> Iterator[PostgresPair]:
    try:
        with postgres_pair() as made:
            yield made
    except MissingServiceError as error:
        absent("a PostgreSQL server to start", error)


@pytest.fixture(params=[pytest.param("redis", id="redis"), pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def beside_a_pair(request: pytest.FixtureRequest, own_redis: RedisProcess, pair: PostgresPair) -> Iterator[Deployment]:
    database_url = pair.primary.new_database()
    seed(database_url, own_redis.url)
    with open_store(database_url, own_redis.url) as store:
        for number in range(LEADERS):
            add_account(store, account_of(number))
    url = make_url(database_url)
    hosts = ",".join(f"127.0.0.1:{port}" for port in pair.ports)
    broker_url = own_redis.url if request.param == "redis" else request.getfixturevalue("rabbitmq_url")
    both = f"postgresql://{url.username}@{hosts}/{url.database}"
    deployment = Deployment(broker_url, own_redis.url, both, SETTINGS | {"silence_s": "8"})
    yield deployment
    if request.param == "rabbitmq":
        delete_queues(deployment, QUEUES)


def account_of(number: int) -> str:
    """One of which no worker knows a decision before its failover."""
    return f"failover-{number}"


def test_it_follows_the_primary_to_the_standby(
    beside_a_pair: Deployment, pair: PostgresPair, start_workers: StartWorkers
) -> None:
    deployment = beside_a_pair
    start_workers(deployment, 1)
    push(deployment, [message(AU)])
    dispatched(deployment, 1)
    recoveries = []
    for number in range(LEADERS):
        unknown = [message(to, account_id=account_of(number)) for to in (FR, GB)]
        pair.kill_primary()
        push(deployment, [*(message(AU) for _ in range(20)), *unknown])
        assert {each["country"] for each in dispatched(deployment, 20)} == {"AU"}
        pair.promote()
        began = time.monotonic()
        late = dispatched(deployment, 2, timeout=RECOVERY_S)
        recoveries.append(time.monotonic() - began)
        assert {each["message_id"] for each in late} == {each["message_id"] for each in unknown}
        pair.follow_again()
    assert (waiting(deployment, "dispatch"), waiting(deployment, "parked")) == (0, 0)
    print(
        f"{LEADERS} failovers of PostgreSQL, {22 * LEADERS} messages, 0 lost: what needed SQL went out within "
        f"{max(recoveries):.1f} s of the promotion, half of them within {sorted(recoveries)[LEADERS // 2]:.1f} s"
    )
