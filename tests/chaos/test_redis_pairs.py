"""A pair of Redis, for broker and cache, behind Sentinel, HAProxy, and a proxy of the tests: killed and planned failovers, under load.

Replication is asynchronous: what a primary answers before it is replaced may never reach the other. That is counted. A producer
that asks for it (`WAIT`), on a pair that takes no writes without a replica (`min-replicas-to-write`), loses nothing.
`SMART_ASSIGN_CHAOS_LEADERS=20` makes as many, and counts the other kinds of pairs too.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
import redis

from tests.chaos.conftest import SETTINGS, StartWorkers
from tests.conftest import started
from tests.support.accounts import message, seed
from tests.support.running_worker import Deployment, until
from tests.support.sentinels import Watched, watched
from tests.support.services import HaProxyProcess
from tests.support.silent_proxy import SilentProxy

LONG = "SMART_ASSIGN_CHAOS_LEADERS" in os.environ
LEADERS = int(os.environ.get("SMART_ASSIGN_CHAOS_LEADERS", "2"))
SAFE = ("--min-replicas-to-write", "1", "--min-replicas-max-lag", "2")
AT_ONCE = 50
#: Until all that waits is worked off, of which every failover leaves some, on a machine that is busy.
RECOVERY_S = 60.0 + 15 * LEADERS

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.redis, pytest.mark.timeout(200 + 40 * LEADERS)]


class Producing(threading.Thread):
    """Sends until it is stopped; keeps what was accepted: what the replica has too, where `waits`."""

    def __init__(self, pair: Watched, *, waits: bool) -> None:
        super().__init__(daemon=True)
        self._pair, self._waits, self.ending = pair, waits, threading.Event()
        self.accepted: list[str] = []
        self.doubtful: set[str] = set()

    def run(self) -> None:
        client = self._pair.client()
        while not self.ending.is_set():
            documents = [message() for _ in range(AT_ONCE)]
            ids = [document["message_id"] for document in documents]
            try:
                client.lpush("smart-assign.ingress", *(json.dumps(each) for each in documents))
                if self._waits and int(client.wait(1, 1000)) < 1:
                    raise redis.ConnectionError("no replica has it")
            except redis.RedisError:
                self.doubtful.update(ids)  # it may have been taken all the same
                time.sleep(0.1)
                continue
            self.accepted += ids
            time.sleep(0.02)


class Kind(NamedTuple):
    """How a pair is run, and reached."""

    name: str
    options: tuple[str, ...]
    waits: bool
    by: str = "Sentinel"


SHORT_KINDS = [
    Kind("Sentinel, WAIT and min-replicas-to-write", SAFE, waits=True),
    Kind("HAProxy, WAIT and min-replicas-to-write", SAFE, waits=True, by="HAProxy"),
]
LONG_KINDS = [
    Kind("one address, WAIT and min-replicas-to-write", SAFE, waits=True, by="a proxy of the tests"),
    Kind("Sentinel, min-replicas-to-write", SAFE, waits=False),
    Kind("Sentinel, asynchronous", (), waits=False),
]


@pytest.fixture(params=SHORT_KINDS + (LONG_KINDS if LONG else []), ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def pair(kind: Kind) -> Iterator[Watched]:
    with watched(*kind.options) as made:
        yield made


@dataclass
class Way:
    """How workers come to the pair: what they have for a URL, and what is done when another is the primary."""

    url: str
    lead_to: Callable[[int], None]


@pytest.fixture
def way(kind: Kind, pair: Watched, absent: Callable[[str, Exception | str], None]) -> Iterator[Way]:
    if kind.by == "Sentinel":
        yield Way(pair.url, lambda _: None)
    elif kind.by == "HAProxy":
        with started(HaProxyProcess([each.port for each in pair.pair]), "HAProxy", absent) as haproxy:
            yield Way(f"redis://127.0.0.1:{haproxy.port}/0", lambda _: None)
    else:
        proxy = SilentProxy(pair.primary().port)
        yield Way(f"redis://127.0.0.1:{proxy.port}/0", proxy.lead_to)
        proxy.close()


def dispatched(client: redis.Redis) -> list[str]:
    envelopes: list[bytes] = client.lrange("smart-assign.dispatch", 0, -1)  # type: ignore[assignment]
    return [json.loads(base64.b64decode(json.loads(each)["body"]))["message_id"] for each in envelopes]


def test_it_goes_on_after_failovers(
    kind: Kind, pair: Watched, way: Way, start_workers: StartWorkers, tmp_path: Path
) -> None:
    database_url = f"sqlite:///{tmp_path / 'pair.sqlite3'}"
    seed(database_url, f"redis://127.0.0.1:{pair.primary().port}/0")
    start_workers(Deployment(way.url, way.url, database_url, SETTINGS | {"silence_s": "8"}), 2)
    producing = Producing(pair, waits=kind.waits)
    producing.start()
    time.sleep(2)
    for number in range(LEADERS):
        (pair.fail_over if number % 2 else pair.kill_primary)()
        way.lead_to(pair.primary().port)
        time.sleep(3)
    producing.ending.set()
    producing.join(30)
    client = pair.client()

    def is_done() -> bool:
        with suppress(redis.RedisError):
            left = client.llen("smart-assign.ingress") + client.zcard("smart-assign:claims")  # type: ignore[operator]
            return left == 0
        return False

    began = time.monotonic()
    until(is_done, RECOVERY_S, "the end of what waits")
    came = Counter(dispatched(client))
    lost = set(producing.accepted) - came.keys()
    twice = [each for each, count in came.items() if count > 1]
    print(
        f"{LEADERS} failovers, {kind.name}: {len(producing.accepted)} accepted, {len(lost)} lost, {len(twice)} twice, "
        f"done {time.monotonic() - began:.1f} s after the last"
    )
    assert not twice
    assert came.keys() <= set(producing.accepted) | producing.doubtful
    assert len(producing.accepted) > 10 * AT_ONCE
    if kind.waits:
        assert not lost
