"""A claim of tasks: how much of it is unpacked at once, and that the rest is a claim of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kombu.compression import compress

from core.messages.assigner import Assigner, Outcome
from tests.support.strangers import element, task_headers
from worker.handoff.broker import PoolWork
from worker.handoff.settlement import Settled, Settlement
from worker.redis_broker.claims import Claim, Claims
from worker.redis_broker.later import GIVEN_BEFORE_S
from worker.redis_broker.messages import MOST_UNPACKED_BYTES, RedisMessages
from worker.redis_broker.parking import Parking
from worker.settings import Settings


@dataclass
class OneClaim(Claims):
    """A claim in memory, and how it was settled."""

    documents: list[bytes]
    settled: list[Settlement] = field(default_factory=list)

    def begin(self, claim_id: str) -> Claim | None:
        return Claim(claim_id, 1, self.documents)

    def settle(self, claim_id: str, settlement: Settlement) -> Settled | None:
        self.settled.append(settlement)
        return Settled(0, 0)


class NothingAssigned(Assigner):
    """Notes how many bytes it was given at once."""

    def __init__(self) -> None:
        self.given = 0

    def assign(self, documents: list[bytes]) -> Outcome:  # type: ignore[override]  # as the work calls it
        self.given = sum(map(len, documents))
        return Outcome()


class NothingParked(Parking):
    """Keeps count of what is parked."""

    def __init__(self) -> None:
        self.parked: list[bytes] = []

    def keep(self, documents: object) -> int:
        self.parked += [each.document for each in documents]  # type: ignore[attr-defined]  # parked documents
        return 0


def packed(size: int) -> bytes:
    """A task of some hundred bytes whose message is of `size` bytes once it is unpacked."""
    body, method = compress(json.dumps([[{"message_id": "m", "extra": "x" * size}], {}, {}]), "bzip2")
    return element(task_headers(compression=method), body)


def worked_on(documents: list[bytes]) -> tuple[NothingAssigned, NothingParked, Settlement]:
    claims, assigner, parking = OneClaim(documents), NothingAssigned(), NothingParked()
    RedisMessages(claims, assigner, parking, Settings()).on_work(PoolWork("messages-" + "0" * 32))
    (settlement,) = claims.settled
    return assigner, parking, settlement


def test_it_unpacks_so_much_at_once_and_leaves_the_rest_for_another_claim() -> None:
    documents = [packed(1_000_000)] * 40
    assigner, _, settlement = worked_on(documents)
    assert MOST_UNPACKED_BYTES < assigner.given < MOST_UNPACKED_BYTES + 1_048_576
    taken = assigner.given // 1_000_000
    assert settlement.deferred == documents[taken:]


def test_it_parks_a_bomb_as_it_came() -> None:
    bomb = packed(20_000_000)
    assigner, parking, settlement = worked_on([bomb] * 8)
    assert (assigner.given, settlement.deferred) == (0, [])
    assert parking.parked == [bomb] * 8
    assert sum(map(len, parking.parked)) < 10_000


def task_at(eta: str) -> bytes:
    return element(task_headers(eta=eta), b'[[{"message_id": "m"}], {}, {}]')


def test_it_puts_off_what_is_to_run_later_and_takes_it_up_shortly_before() -> None:
    soon, later, latest = (task_at(f"2026-11-28T12:{minute}:10Z") for minute in ("00", "10", "15"))
    claims = OneClaim([latest, soon, later])
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    work = RedisMessages(claims, NothingAssigned(), NothingParked(), Settings(), clock=lambda: now)
    work.on_work(PoolWork("messages-" + "0" * 32))
    (settlement,) = claims.settled
    assert settlement.deferred == [latest, later]
    assert settlement.deferred_s == 610 - GIVEN_BEFORE_S
    assert len(settlement.for_celery) == 1
