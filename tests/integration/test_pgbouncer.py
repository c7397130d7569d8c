"""PgBouncer in transaction mode: each transaction may come to another server, which knows no statement of the last one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import redis

from tests.conftest import started
from tests.support.accounts import AU, FR, GB, US, add_account, message, open_store, seed
from tests.support.cli_runner import Cli
from tests.support.running_worker import Deployment, running
from tests.support.services import PgBouncerProcess, PostgresProcess
from tests.support.stock_clients import dispatched, push

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis]

PREPARED = "SMART_ASSIGN_DATABASE_PREPARED_STATEMENTS"
ACCOUNTS = 60


@pytest.fixture(scope="module")
def pooler(own_postgres: PostgresProcess, absent: Callable[[str, Exception | str], None]) -> Iterator[PgBouncerProcess]:
    with started(PgBouncerProcess(own_postgres.port), "a PgBouncer to start", absent) as server:
        yield server


@pytest.fixture(scope="module")
def database_url(own_postgres: PostgresProcess, redis_server: str) -> str:
    url = own_postgres.new_database()
    seed(url, redis_server)
    with open_store(url, redis_server) as store:
        for number in range(ACCOUNTS):
            add_account(store, f"acme-{number}")
    return url


def test_check_proposes_the_setting(pooler: PgBouncerProcess, database_url: str, redis_url: str) -> None:
    by_pooler = {
        "SMART_ASSIGN_BROKER_URL": redis_url,
        "SMART_ASSIGN_DATABASE_URL": pooler.url(database_url).replace("+psycopg", ""),
    }
    found = database_check(Cli(by_pooler))
    assert (found["ok"], f"{PREPARED}=false" in found["detail"]) == (False, True)
    assert database_check(Cli({**by_pooler, PREPARED: "false"}))["ok"]
    by_url = by_pooler["SMART_ASSIGN_DATABASE_URL"] + "?prepare_threshold=none"
    assert database_check(Cli({**by_pooler, "SMART_ASSIGN_DATABASE_URL": by_url}))["ok"]
    direct = database_url.replace("+psycopg", "")
    for threshold in ("", "?prepare_threshold=0"):
        assert database_check(Cli({**by_pooler, "SMART_ASSIGN_DATABASE_URL": direct + threshold}))["ok"]


def database_check(cli: Cli) -> dict[str, object]:
    told = json.loads(cli.run("check", "--json").stdout)
    return next(dict(each) for each in told["checks"] if each["name"] == "database")


def test_a_worker_decides_by_a_pooler(pooler: PgBouncerProcess, database_url: str, redis_url: str) -> None:
    settings = {"database_prepared_statements": "false", "claim_size": "10", "concurrency": "3"}
    deployment = Deployment(redis_url, redis_url, pooler.url(database_url), settings)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    with running(deployment) as worker:
        for to in (AU, GB, FR, US):  # each group of a claim is a decision, made by statements of its own
            push(deployment, [message(to, account_id=f"acme-{number}") for number in range(ACCOUNTS)])
        assert len(dispatched(deployment, 4 * ACCOUNTS)) == 4 * ACCOUNTS
        assert "work_waits" not in worker.log
        assert "InvalidSqlStatementName" not in worker.log
