"""Every statement behind every endpoint uses an index: no table is read from end to end, however many accounts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event

from benchmarks.api_requests import requests
from benchmarks.volume import Volume, fill
from core.accounts import Accounts
from tests.api.served import Login, ServedApi, served
from tests.services import postgres_database

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(180)]

ACCOUNTS = 20_000

#: Tables that stay small however many accounts there are: a handful of versions and corrections.
SMALL = {"rule_versions", "rule_overrides", "alembic_version"}

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


@pytest.mark.parametrize("kind", ["account", "parent", "child"])
def test_it_reads_no_table_from_end_to_end(volume_api: tuple[ServedApi, Volume], kind: str) -> None:
    api, volume = volume_api
    account = getattr(volume, kind)
    client = api.client(Login(account, Accounts(api.store).add_key(account)))
    # /healthz asks nothing; /readyz reads one row of a table, whichever comes first.
    asked = [each for each in requests(account) if "healthz" not in each.name and "readyz" not in each.name]
    scanned = {each.name: scans_of(api, client, each) for each in asked}
    assert {name: found for name, found in scanned.items() if found} == {}


def scans_of(api: ServedApi, client: httpx.Client, asked: Any) -> dict[str, set[str]]:
    """Statement -> tables read whole, of one request."""
    if asked.before:
        asked.before(client)
    with sent_statements() as sent:
        answer = asked.ask(client)
    assert answer.status_code in {200, 204, 404}, (asked.name, answer.text)
    assert sent
    found = {statement: scanned_tables(api.store.engine, statement, parameters) for statement, parameters in sent}
    return {statement: tables for statement, tables in found.items() if tables}


def test_it_would_notice(volume_api: tuple[ServedApi, Volume]) -> None:
    api, _ = volume_api
    assert scanned_tables(api.store.engine, "SELECT * FROM senders WHERE trust = 7", {}) == {"senders"}
