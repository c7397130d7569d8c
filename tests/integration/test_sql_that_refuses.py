"""SQL that answers and refuses is SQL that is away: what is known goes out, the rest waits, nothing is given up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from sqlalchemy import make_url

from tests.support.accounts import AU, BARE, FR, message, seed
from tests.support.running_worker import QUEUES, Deployment, running
from tests.support.services import PostgresProcess, RedisProcess
from tests.support.stock_clients import delete_queues, dispatched, notices, push, waiting

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(180)]

#: Longer than the attempts that RabbitMQ 4 allows in a second each, with SMART_ASSIGN_CLAIM_ATTEMPTS below.
REFUSES_S = 8.0
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
def admin_postgres() -> Iterator[PostgresProcess]:
    server = PostgresProcess()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(params=[pytest.param("redis", id="redis"), pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def refusing(
    request: pytest.FixtureRequest, own_redis: RedisProcess, admin_postgres: PostgresProcess
) -> Iterator[tuple[Deployment, Administrator]]:
    """A deployment whose worker is no superuser, and the administrator of its database."""
    broker_url = own_redis.url if request.param == "redis" else request.getfixturevalue("rabbitmq_url")
    database_url = admin_postgres.new_database()
    seed(database_url, own_redis.url)

    with psycopg.connect(admin_postgres.url.replace("+psycopg", ""), autocommit=True) as server:
        if not server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            server.execute(f"CREATE ROLE {ROLE} LOGIN")
    administrator = Administrator(database_url.replace("+psycopg", ""))
    administrator.run(
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}", "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"
    )
    url = make_url(database_url).set(username=ROLE).render_as_string(hide_password=False)
    deployment = Deployment(broker_url, own_redis.url, url, SETTINGS)
    yield deployment, administrator
    if request.param == "rabbitmq":
        delete_queues(deployment, QUEUES)


@pytest.mark.parametrize("kind", FAULTS)
def test_it_waits_for_sql_that_refuses(refusing: tuple[Deployment, Administrator], kind: str) -> None:
    deployment, administrator = refusing
    fault = FAULTS[kind]
    with running(deployment) as worker:
        push(deployment, [message(AU)])
        assert len(dispatched(deployment, 1)) == 1
        administrator.run(*fault.broken)
        try:
            with administrator.holding(fault.held):
                push(deployment, [*(message(AU) for _ in range(50)), message(FR), message(account_id=BARE), b"{"])
                assert {each["country"] for each in dispatched(deployment, 50, timeout=15)} == {"AU"}
                time.sleep(REFUSES_S)
                assert (waiting(deployment, "dispatch"), waiting(deployment, "parked")) == (0, 0)
        finally:
            administrator.run(*fault.mended)
        assert dispatched(deployment, 1, timeout=20)[0]["country"] == "FR"
        reasons = {notice["reason"] for notice in notices(deployment, 2, timeout=20)}
        assert reasons == {"NO_COMPLIANT_SENDER", "INVALID_MESSAGE"}
        assert worker.alive
        assert "Traceback" not in worker.log
