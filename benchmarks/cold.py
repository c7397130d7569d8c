"""Decisions that nobody has made yet: how many a second, and with how many SQL statements, on PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, event

from benchmarks.figures import Spread, rounded, spread
from benchmarks.findings import Findings, Table
from benchmarks.inventory import account_name, build
from benchmarks.options import Options
from benchmarks.services import Services
from core.cache.decisions import DecisionCache
from core.cache.epochs import RedisEpochs
from core.engine.decision import Policy, Request
from core.process.garbage import freeze
from core.sender import Product, TrafficClass
from core.storage.database import open_engine
from core.store import Store
from tests.support.services import postgres_database

ACCOUNTS = 600
BATCH = 500
PREFIX = "cold"


@dataclass(slots=True)
class Statements:
    """Counts the SQL statements of an engine."""

    count: int = 0

    def note(self, *_: Any) -> None:
        """One more."""
        self.count += 1


@dataclass(slots=True)
class Cold:
    """One way to ask: seconds and statements by repeat, for so many decisions in so many trips."""

    title: str
    size: int
    trips: int
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    statements: list[float] = field(default_factory=list)

    @property
    def decisions(self) -> int:
        """Decisions of one repeat."""
        return self.size * self.trips


def measure(services: Services, options: Options) -> Findings:
    """Cold decisions one by one and in a batch, of accounts with one sender and with a thousand."""
    if services.postgres_url is None:
        return Findings()
    trips = 100 if options.quick else 500
    freeze()  # as a worker does
    with postgres_database(services.postgres_url) as url, _store(url, services, ACCOUNTS, 4) as few:
        cases = [_measured(Cold("one at a time, 4 senders", 1, trips), few, services, options)]
        cases.append(_measured(Cold(f"{BATCH} in one batch, 4 senders", BATCH, 1), few, services, options))
        known = _measured(Cold("one at a time, epochs known to Redis", 1, trips), few, services, options, publish=True)
        cases.append(known)
    with postgres_database(services.postgres_url) as url, _store(url, services, 20, 1_000) as many:
        cases.append(_measured(Cold("one at a time, 1,000 senders", 1, 20), many, services, options))
    facts = {
        "cold/statements": spread(cases[2].statements),
        "cold/statements-at-most": spread(cases[0].statements),
        "cold/rate": _rate(cases[0]),
        "cold/batch-rate": _rate(cases[1]),
    }
    return Findings([_table(cases)], facts)


def _rate(case: Cold) -> Spread:
    return spread([case.decisions / seconds for seconds in case.seconds])


@contextmanager
def _store(url: str, services: Services, accounts: int, senders: int) -> Iterator[Store]:
    build(url, accounts, senders)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    try:
        yield Store(engine, RedisEpochs(services.client, PREFIX))
    finally:
        engine.dispose()


def _measured(case: Cold, store: Store, services: Services, options: Options, *, publish: bool = False) -> Cold:
    for _ in range(max(3, options.repeats)):
        services.client.flushall()
        store.forget_decisions(datetime.max.replace(tzinfo=UTC))
        cache = DecisionCache(store, services.client, Policy(), prefix=PREFIX, size=50_000)
        # The rule book is read once in a process's life; that is no part of a decision.
        cache.verdicts([_request(ACCOUNTS + 1)], datetime.now(UTC))
        if publish:
            RedisEpochs(services.client, PREFIX).publish({f"account:{account_name(n)}": 0 for n in range(ACCOUNTS)})
        with _counted(store.engine) as statements:
            at, cpu = time.perf_counter(), time.process_time()
            for trip in range(case.trips):
                numbers = range(trip * case.size, (trip + 1) * case.size)
                cache.verdicts([_request(number) for number in numbers], datetime.now(UTC))
            case.seconds.append(time.perf_counter() - at)
            case.cpu.append(time.process_time() - cpu)
            case.statements.append(statements.count / case.trips)
    options.say(f"cold: {case.title}: {_rate(case)} a second, {case.statements[0]:g} statements")
    return case


def _request(number: int) -> Request:
    return Request(account_name(number), None, "AU", Product.SMS, TrafficClass.TRANSACTIONAL, False, None, None)


@contextmanager
def _counted(engine: Engine) -> Iterator[Statements]:
    statements = Statements()
    event.listen(engine, "before_cursor_execute", statements.note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", statements.note)


def _table(cases: list[Cold]) -> Table:
    columns = ("asked", "decisions a second", "CPU of the asking process, µs each", "SQL statements a trip")
    rows = [
        [
            case.title,
            str(_rate(case)),
            str(spread([cpu / case.decisions * 1e6 for cpu in case.cpu])),
            rounded(max(case.statements)),
        ]
        for case in cases
    ]
    note = (
        "One process, PostgreSQL beside it, neither process nor Redis knows the decision. Where Redis has forgotten the "
        "account's epoch as well, that is one statement more. Asked one at a time, each decision waits for a commit of its "
        "own to reach the disk; so one process spends most of the time waiting."
    )
    return Table("Cold decisions", columns, rows, note)
