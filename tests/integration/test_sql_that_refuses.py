"""SQL that answers and refuses is SQL that is away: what is known goes out, the rest waits, nothing is given up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import make_url

from tests.conftest import started
from tests.integration.conftest import private_redis
from tests.support.accounts import AU, BARE, FR, add_account, message, open_store, seed
from tests.support.running_worker import QUEUES, Deployment, RunningWorker, running
from tests.support.services import PostgresProcess
from tests.support.sql_refusals import FAULTS, ROLE, Administrator
from tests.support.stock_clients import delete_queues, dispatched, notices, push, waiting

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

#: Longer than the attempts that RabbitMQ 4 allows in a second each, with SMART_ASSIGN_CLAIM_ATTEMPTS below.
REFUSES_S = 5.0
SETTINGS = {"claim_deadline_s": "3", "claim_attempts": "2"}


@pytest.fixture(scope="module")
def admin_postgres(absent: Callable[[str, Exception | str], None]) -> Iterator[PostgresProcess]:
    with started(PostgresProcess(), "a PostgreSQL server to start", absent) as server:
        Administrator(server.url.replace("+psycopg", "")).run("CREATE ROLE {role} LOGIN")
        yield server


@dataclass(frozen=True)
class Refusing:
    """A worker that is no superuser of its database, and who is."""

    worker: RunningWorker
    administrator: Administrator

    @property
    def deployment(self) -> Deployment:
        return self.worker.deployment


@pytest.fixture(
    scope="module", params=[pytest.param("redis", id="redis"), pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)]
)
def refusing(request: pytest.FixtureRequest, admin_postgres: PostgresProcess) -> Iterator[Refusing]:
    """One worker for all faults, with an account for each of which it knows nothing yet."""
    with private_redis(request) as server:
        broker_url = server.url if request.param == "redis" else request.getfixturevalue("rabbitmq_url")
        database_url = admin_postgres.new_database()
        seed(database_url, server.url)
        with open_store(database_url, server.url) as store:
            for kind in FAULTS:
                add_account(store, account_of(kind))
        administrator = Administrator(database_url.replace("+psycopg", ""))
        administrator.run(
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
            "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}",
        )
        url = make_url(database_url).set(username=ROLE).render_as_string(hide_password=False)
        deployment = Deployment(broker_url, server.url, url, SETTINGS)
        with running(deployment) as worker:
            yield Refusing(worker, administrator)
        if request.param == "rabbitmq":
            delete_queues(deployment, QUEUES)


def account_of(kind: str) -> str:
    return kind.replace(" ", "-")


@pytest.mark.parametrize("kind", FAULTS)
def test_it_waits_for_sql_that_refuses(refusing: Refusing, kind: str) -> None:
    deployment, administrator, fault = refusing.deployment, refusing.administrator, FAULTS[kind]
    log_before = len(refusing.worker.log)
    push(deployment, [message(AU)])
    assert len(dispatched(deployment, 1)) == 1
    unknown = message(FR, account_id=account_of(kind))
    administrator.run(*fault.broken)
    try:
        with administrator.holding(fault.held):
            push(deployment, [*(message(AU) for _ in range(50)), unknown, message(account_id=BARE), b"{"])
            assert {each["country"] for each in dispatched(deployment, 50)} == {"AU"}
            time.sleep(REFUSES_S)
            assert (waiting(deployment, "dispatch"), waiting(deployment, "parked")) == (0, 0)
    finally:
        administrator.run(*fault.mended)
    assert dispatched(deployment, 1)[0]["message_id"] == unknown["message_id"]
    reasons = {notice["reason"] for notice in notices(deployment, 2)}
    assert reasons == {"NO_COMPLIANT_SENDER", "INVALID_MESSAGE"}
    assert refusing.worker.alive
    assert "Traceback" not in refusing.worker.log[log_before:]
