"""SQL that answers and refuses is SQL that is away: what is known goes out, the rest waits, nothing is given up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from sqlalchemy import make_url

from tests.conftest import started
from tests.integration.conftest import private_redis
from tests.support.accounts import AU, BARE, FR, add_account, message, open_store, seed
from tests.support.running_worker import QUEUES, Deployment, RunningWorker, running
from tests.support.services import PostgresProcess
from tests.support.stock_clients import delete_queues, dispatched, notices, push, waiting

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(180)]

#: Longer than the attempts that RabbitMQ 4 allows in a second each, with SMART_ASSIGN_CLAIM_ATTEMPTS below.
REFUSES_S = 5.0
ROLE = "refused"
SETTINGS = {"claim_deadline_s": "3", "claim_attempts": "2"}


@dataclass(frozen=True)
class Administrator:
    """Who may do anything to the database, with sessions of their own."""

    url: str

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as session:
            for statement in statements:
                session.execute(statement.replace("{role}", ROLE))

    @contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """Keep the transaction of a statement open."""
        with psycopg.connect(self.url) as session:
            session.execute(statement)
            try:
                yield
            finally:
                session.rollback()


@dataclass(frozen=True)
class Fault:
    """How a server is made to refuse, and how that is mended; `{role}` is the worker's role."""

    broken: tuple[str, ...]
    mended: tuple[str, ...]
    #: What another session does in a transaction that stays open for as long as the fault lasts.
    held: str = "SELECT 1"


_END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
FAULTS = {
    "read-only": Fault(
        ("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"),
        ("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"),
    ),
    "sessions that stay read-only": Fault(
        ("ALTER ROLE {role} SET default_transaction_read_only = on", _END_SESSIONS),
        ("ALTER ROLE {role} RESET default_transaction_read_only",),
    ),
    "permission denied": Fault(
        ("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",),
        ("GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",),
    ),
    "too many connections": Fault(
        ("ALTER ROLE {role} CONNECTION LIMIT 0", _END_SESSIONS),
        ("ALTER ROLE {role} CONNECTION LIMIT -1",),
    ),
    "statement time-outs": Fault(
        ("ALTER ROLE {role} SET statement_timeout = '200ms'", _END_SESSIONS),
        ("ALTER ROLE {role} RESET ALL", _END_SESSIONS),
        held="LOCK TABLE decisions, parked IN ACCESS EXCLUSIVE MODE",
    ),
    "a schema that is not migrated": Fault(
        ("ALTER TABLE decisions RENAME TO gone", "ALTER TABLE parked RENAME TO gone_too"),
        ("ALTER TABLE gone RENAME TO decisions", "ALTER TABLE gone_too RENAME TO parked"),
    ),
}


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
            assert {each["country"] for each in dispatched(deployment, 50, timeout=30)} == {"AU"}
            time.sleep(REFUSES_S)
            assert (waiting(deployment, "dispatch"), waiting(deployment, "parked")) == (0, 0)
    finally:
        administrator.run(*fault.mended)
    assert dispatched(deployment, 1, timeout=40)[0]["message_id"] == unknown["message_id"]
    reasons = {notice["reason"] for notice in notices(deployment, 2, timeout=40)}
    assert reasons == {"NO_COMPLIANT_SENDER", "INVALID_MESSAGE"}
    assert refusing.worker.alive
    assert "Traceback" not in refusing.worker.log[log_before:]
