"""The statements behind every endpoint: few, and each uses an index, however many accounts there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event, text

from benchmarks.api_requests import Asked, requests
from benchmarks.volume import Volume, fill
from core.accounts.accounts import Accounts
from core.accounts.facts import read_facts
from core.accounts.logins import ApiKeys
from core.engine.decision import Facts, Request
from core.moments import utc_now
from core.sender import Product
from core.storage.epochs import increment_families
from tests.support.served import Login, ServedApi, served
from tests.support.services import postgres_database

pytestmark = [pytest.mark.postgres]

ACCOUNTS = 20_000

#: Tables that stay small however many accounts there are: a handful of versions and corrections, one price list.
SMALL = {"prices", "rule_versions", "rule_overrides", "alembic_version"}

#: Asked every half second at the most (keys), written once an hour (their last use), or asked when they change (rules).
AT_TIMES = re.compile("FROM (api_keys|rule_versions|rule_overrides)|JOIN api_keys|UPDATE api_keys")

#: Statements of each request at the most, besides.
MOST = {
    "POST default-senders": 5,
    "GET default-senders/{id}": 1,
    "PATCH default-senders/{id}": 6,
    "DELETE default-senders/{id}": 4,
    "GET default-senders": 2,
    "GET default-senders, sorted": 2,
    "GET v1/senders": 2,
    "GET v1/senders, by country": 2,
    "GET v1/accounts": 1,
    "GET v1/explain": 2,
    "GET v1/decisions/{id}": 1,
    "GET v1/defaults/history": 1,
    "GET v1/defaults/at-risk": 2,
    "GET v1/parked": 1,
    "GET v1/parked, by reason": 1,
    "GET v1/parked/{id}": 1,
    "GET readyz": 1,
    "GET metrics": 1,
    "POST v1/explain": 2,
    "POST v1/campaigns/preview, 100": 2,  # and the prices
    "POST v1/defaults/assign-all, 1, dry": 2,
    "POST v1/defaults/assign-all, 1": 6,
    "POST v1/parked/replay, none": 1,
    "POST v1/parked/replay, 1": 2,
    "DELETE v1/parked/{id}": 2,
    "PATCH v1/accounts/{id}": 5,
}

#: Uses of a statement until the driver prepares it, and of a prepared one until PostgreSQL weighs keeping its plan.
PREPARED_AFTER, PLANNED_ANEW = 5, 5

Sent = list[tuple[str, Any]]


@pytest.fixture(scope="module")
def volume_api(postgres_server: str, redis_server: str) -> Iterator[tuple[ServedApi, Volume]]:
    with postgres_database(postgres_server) as url, served(url, redis_server, api_rate_limit=0) as api:
        yield api, fill(api.store.engine, ACCOUNTS, senders_each=5)


@contextmanager
def sent_statements() -> Iterator[Sent]:
    """What all engines of this process send meanwhile."""
    sent: Sent = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        sent.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def scanned_tables(engine: Engine, statement: str, parameters: Any) -> set[str]:
    """The tables that the server would read from end to end for it."""
    if not statement.lstrip().startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
        return set()
    one = parameters[0] if isinstance(parameters, list) else parameters
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", one)
        plan = cursor.fetchone()[0][0]["Plan"]
        cursor.close()
    return {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"} - SMALL


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.fixture(scope="module", params=["account", "parent", "child"])
def sent(volume_api: tuple[ServedApi, Volume], request: pytest.FixtureRequest) -> dict[str, Sent]:
    """Request -> what it sent, asked by an account of each kind."""
    api, volume = volume_api
    account = getattr(volume, request.param)
    client = api.client(Login(account, ApiKeys(api.store).add(account)))
    return {asked.name: sent_by(client, asked) for asked in requests(account, api.store.engine)}


def sent_by(client: httpx.Client, asked: Asked) -> Sent:
    if asked.before:
        asked.before(client)
    with sent_statements() as sent:
        answer = asked.ask(client)
    assert answer.status_code in {200, 204, 404}, (asked.name, answer.text)
    return sent


def test_it_reads_no_table_from_end_to_end(volume_api: tuple[ServedApi, Volume], sent: dict[str, Sent]) -> None:
    engine = volume_api[0].store.engine
    # /readyz reads one row of a table, whichever comes first; /metrics counts all warnings that there are.
    asked = {name: each for name, each in sent.items() if name not in {"GET readyz", "GET metrics"}}
    statements = [(name, *each) for name, all_of_it in asked.items() for each in all_of_it]
    scanned = {(name, text): scanned_tables(engine, text, parameters) for name, text, parameters in statements}
    assert {where: tables for where, tables in scanned.items() if tables} == {}


def test_it_asks_sql_no_more_often_than_it_must(sent: dict[str, Sent]) -> None:
    counts = {name: sum(not AT_TIMES.search(text) for text, _ in each) for name, each in sent.items()}
    assert {name: count for name, count in counts.items() if count > MOST.get(name, 0)} == {}
    assert {name for name in MOST if name not in counts} == set()


@pytest.mark.parametrize("kind", ["account", "parent", "child"])
def test_it_plans_the_facts_of_a_decision_and_the_epochs_of_a_change_once(
    volume_api: tuple[ServedApi, Volume], kind: str
) -> None:
    (api, volume), asked = volume_api, []
    account = Accounts(api.store).get(getattr(volume, kind))
    with api.store.single() as connection:
        for _ in range(PREPARED_AFTER + PLANNED_ANEW + 5):
            asked = [*read_facts(connection, [Request(account.account_id, None, "NO", Product.SMS)]).values()]
            increment_families(connection, [account.user_id], utc_now())
        plans = connection.execute(text("SELECT statement, generic_plans > 0 AS kept FROM pg_prepared_statements"))
        kept = {row.statement.split()[0]: row.kept for row in plans}
    assert isinstance(asked[0], Facts)
    assert kept == {"WITH": True, "INSERT": True}


def test_it_would_notice(volume_api: tuple[ServedApi, Volume]) -> None:
    api, _ = volume_api
    assert scanned_tables(api.store.engine, "SELECT * FROM senders WHERE trust = 7", {}) == {"senders"}
