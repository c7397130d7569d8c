"""`python -m benchmarks.api_latency`: the median of each endpoint, one client, on PostgreSQL with many accounts.

The API runs in a process of its own, as `uvicorn` starts it; the client asks over one connection, one request after
the other. On PostgreSQL at SMART_ASSIGN_TEST_POSTGRES_URL in a database of its own, and a private Redis.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import httpx
import psutil
from sqlalchemy import text

from benchmarks.api_requests import Asked, requests
from benchmarks.volume import Volume, fill
from core.accounts.logins import ApiKeys
from core.storage.upgrade import upgrade
from core.store import Store
from tests.conftest import POSTGRES_URL
from tests.support.accounts import open_store
from tests.support.services import RedisProcess, free_port, postgres_database, signal_group, wait_for

ROOT = Path(__file__).parents[1]
START_S = 60.0
WARM_UP = 5
GOAL_MS = 10.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one kind of request, and what of them the API's process computed.

    On a machine that does other things meanwhile, the fastest tenth says most of what the request itself takes.
    """

    name: str
    p10_ms: float
    median_ms: float
    p95_ms: float
    cpu_ms: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 where every median is below the goal."""
    given = _parser().parse_args(arguments)
    server = os.environ.get("SMART_ASSIGN_TEST_POSTGRES_URL", POSTGRES_URL)
    with _redis() as redis_url, postgres_database(server) as database_url:
        started = time.monotonic()
        upgrade(database_url)
        with open_store(database_url, redis_url) as store:
            store.ensure_rules()
            volume = fill(store.engine, given.accounts, given.senders_each)
            words = f"{volume.accounts:,} accounts, {volume.senders:,} senders"
            print(f"{words}, filled in {time.monotonic() - started:.0f} s", flush=True)
            slow = sum(
                _measure(store, volume, kind, given.repeats, Place(redis_url, database_url)) for kind in given.kinds
            )
    return 1 if slow else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api_latency", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--senders-each", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--kinds", nargs="*", default=["account", "parent", "child"])
    return parser


@dataclass(frozen=True, slots=True)
class Place:
    """Where the services are."""

    redis_url: str
    database_url: str

    @property
    def environment(self) -> Mapping[str, str]:
        """Of the API's process."""
        places = {"BROKER_URL": self.redis_url, "DATABASE_URL": self.database_url, "API_RATE_LIMIT": "0"}
        return {**os.environ, **{f"SMART_ASSIGN_{name}": value for name, value in places.items()}}


def _measure(store: Store, volume: Volume, kind: str, repeats: int, place: Place) -> int:
    """Prints the timings of an account of that kind; how many medians miss the goal."""
    account = getattr(volume, kind)
    key = ApiKeys(store).add(account)
    print(f"\n{kind} {account}: 10th percentile, median, 95th percentile, CPU of the API, ms")
    print(f"  {'(bare SELECT 1 from here)':<40} {_round_trip_ms(store):7.2f}")
    with _api(place) as (url, process), httpx.Client(base_url=url, auth=(account, key), timeout=30) as client:
        timings = [_timed(asked, client, process, repeats) for asked in requests(account, store.engine)]
    for timing in timings:
        mark = "" if timing.median_ms < GOAL_MS else "  *"
        figures = (timing.p10_ms, timing.median_ms, timing.p95_ms, timing.cpu_ms)
        print(f"  {timing.name:<40} {' '.join(f'{figure:7.2f}' for figure in figures)}{mark}")
    return sum(timing.median_ms >= GOAL_MS for timing in timings)


def _round_trip_ms(store: Store) -> float:
    """What the machine makes of the smallest statement at present."""
    taken = []
    with store.engine.connect() as connection:
        for _ in range(200):
            began = time.perf_counter()
            connection.execute(text("SELECT 1"))
            taken.append((time.perf_counter() - began) * 1000)
    return median(taken)


def _timed(asked: Asked, client: httpx.Client, process: psutil.Process, repeats: int) -> Timing:
    taken, cpu = [], 0.0
    for number in range(repeats + WARM_UP):
        if asked.before:
            asked.before(client)
        began, cpu_before = time.perf_counter(), _cpu_s(process)
        answer = asked.ask(client)
        if number >= WARM_UP:
            taken.append((time.perf_counter() - began) * 1000)
            cpu += _cpu_s(process) - cpu_before
        if answer.status_code not in {200, 204, 404}:
            raise SystemExit(f"{asked.name}: {answer.text}")
    twentieths = quantiles(taken, n=20)
    return Timing(asked.name, twentieths[1], median(taken), twentieths[18], cpu * 1000 / repeats)


def _cpu_s(process: psutil.Process) -> float:
    """In steps of 10 ms, so that only the mean of many is worth anything."""
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _api(place: Place) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "api.main:create_app", "--port", str(port)]
    options = ["--log-level", "warning", "--no-access-log"]
    process = subprocess.Popen([*command, *options], cwd=ROOT, env=place.environment, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: _answers(url), START_S, "the API")
        yield url, psutil.Process(process.pid)
    finally:
        signal_group(process, signal.SIGTERM)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def _redis() -> Iterator[str]:
    server = RedisProcess()
    server.start()
    try:
        yield server.url
    finally:
        server.remove()


if __name__ == "__main__":
    raise SystemExit(main())
