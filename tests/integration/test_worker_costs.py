"""Counted, not timed: SQL statements, Redis commands, and decisions computed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import psycopg
import pytest
import redis

from core.cache.decisions import DecisionCache
from core.engine.decision import AccountProblem, Facts, Policy, Request
from core.messages.assigner import Assigner
from core.storage.database import open_engine
from core.store import Store
from tests.integration.conftest import MakeDeployment
from tests.support.accounts import AU, FR, GB, US, message
from tests.support.running_worker import PATIENCE_S, Deployment, RunningWorker, running, until
from tests.support.stock_clients import as_bytes

pytestmark = [pytest.mark.redis, pytest.mark.postgres]

COUNT = 4000


@pytest.fixture(scope="module")
def counted(make_deployment: MakeDeployment) -> Iterator[RunningWorker]:
    """A worker on Redis and PostgreSQL, both of which count."""
    with running(make_deployment("redis-postgresql")) as worker:
        yield worker


def sql_statements(deployment: Deployment) -> int:
    """Transactions that the database has seen; PostgreSQL tells of them at intervals, so wait until it is done."""
    name = deployment.database_url.rpartition("/")[2]
    url = deployment.database_url.replace("+psycopg", "").rpartition("/")[0] + "/postgres"
    query = "select xact_commit + xact_rollback from pg_stat_database where datname = %s"
    with psycopg.connect(url, autocommit=True) as connection:
        last = -1
        while True:
            row = connection.execute(query, [name]).fetchone()
            assert row is not None
            if row[0] == last:
                return last
            last = int(row[0])
            time.sleep(1.5)


def redis_commands(deployment: Deployment) -> dict[str, int]:
    with redis.Redis.from_url(deployment.broker_url) as client:
        stats = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): int(entry["calls"]) for name, entry in stats.items()}


def send_and_take(deployment: Deployment, count: int) -> None:
    documents = [as_bytes(message(to)) for to in (AU, GB, FR, US) for _ in range(count // 4)]
    with redis.Redis.from_url(deployment.broker_url) as client:
        client.lpush(deployment.queue("ingress"), *documents)
        until(lambda: client.llen(deployment.queue("dispatch")) >= count, PATIENCE_S, "all of them")
        client.delete(deployment.queue("dispatch"))


def test_it_asks_sql_nothing_once_it_knows_the_groups(counted: RunningWorker) -> None:
    deployment = counted.deployment
    for _ in range(6):  # so that every child knows every group
        send_and_take(deployment, 400)
    before = sql_statements(deployment)
    idle_from = time.monotonic()
    send_and_take(deployment, COUNT)
    busy = time.monotonic() - idle_from
    after = sql_statements(deployment)
    # The housekeeper asks once in five seconds, whatever passes through.
    assert after - before <= (busy + 12) / 5 + 2


def test_it_costs_redis_ten_commands_for_a_thousand_messages(counted: RunningWorker) -> None:
    deployment = counted.deployment
    send_and_take(deployment, 400)
    before = redis_commands(deployment)
    send_and_take(deployment, COUNT)
    after = redis_commands(deployment)
    grown = {name: after[name] - before.get(name, 0) for name in after if after[name] > before.get(name, 0)}
    # Scripts, and what the event loop and the housekeeper do at their pace; not what runs inside a script.
    scripts = grown.get("evalsha", 0)
    assert scripts <= 10 * COUNT / 1000, grown


class CountingStore(Store):
    """Counts the decisions that are computed, slowly enough for everybody to ask at once."""

    computed = 0
    lock = threading.Lock()

    def load_facts(self, requests: Sequence[Request]) -> Mapping[Request, Facts | AccountProblem]:
        with CountingStore.lock:
            CountingStore.computed += len(requests)
        time.sleep(0.05)
        return super().load_facts(requests)


def test_it_computes_a_decision_once_for_a_herd(counted: RunningWorker) -> None:
    deployment = counted.deployment
    CountingStore.computed = 0
    barrier, outcomes = threading.Barrier(12), []

    def work() -> None:
        with redis.Redis.from_url(deployment.redis_url) as client:
            store = CountingStore(open_engine(deployment.database_url))
            assigner = Assigner(
                DecisionCache(store, client, Policy(), prefix="herd", size=100),
                max_bytes=10**6,
                clock=lambda: datetime.now(UTC),
            )
            barrier.wait()
            outcomes.append(len(assigner.assign([as_bytes(message(to)) for to in (AU, GB, FR, US)]).payloads))
            store.engine.dispose()

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [4] * 12
    assert CountingStore.computed == 4
