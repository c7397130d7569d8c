"""The account of the long form tells what was lost, what came twice, and what nobody sent."""

from __future__ import annotations

import random

import pytest

from tests.chaos.faults import KINDS, dealt
from tests.chaos.ledger import Ledger


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger()
    made.accept(["a", "b"])
    made.accept(["p"], to_park=True)
    made.doubt(["c", "d"])
    return made


def test_it_waits_for_what_was_accepted_alone(ledger: Ledger) -> None:
    ledger.take([("a", "1"), ("c", "3")])
    ledger.take_notices([("p", "prk")])
    assert (ledger.missing, ledger.unparked) == ({"b"}, set())
    assert not ledger.repeats
    assert not ledger.changed


def test_what_did_not_come_in_time_is_lost_unless_it_comes_later(ledger: Ledger) -> None:
    assert ledger.give_up() == ["a", "b", "p"]
    ledger.take([("b", "2")])
    ledger.take_notices([("p", "prk")])
    assert ledger.given_up == {"a"}
    assert not ledger.repeats


def test_it_counts_what_comes_twice_though_it_was_doubtful_at_first(ledger: Ledger) -> None:
    ledger.take([("a", "1"), ("c", "3")])
    ledger.take([("a", "1"), ("c", "3"), ("c", "3")])
    assert ledger.repeats == {"a": 1, "c": 2}
    assert not ledger.changed


@pytest.mark.parametrize("again", [("a", "other"), ("never sent", "9")], ids=["another dispatch id", "a stranger"])
def test_it_tells_a_repeat_that_cannot_be_recognised(ledger: Ledger, again: tuple[str, str]) -> None:
    ledger.take([("a", "1"), again])
    assert ledger.changed == {again[0]}


def test_it_tells_what_was_parked_wrongly_or_under_two_ids(ledger: Ledger) -> None:
    ledger.take_notices([("p", "one"), ("p", "two"), ("a", "three")])
    assert ledger.parked_twice() == {"p"}
    assert ledger.wrongly_parked() == {"a"}


@pytest.mark.parametrize("broker", KINDS)
def test_every_kind_falls_as_often_as_any_other(broker: str) -> None:
    kinds = KINDS[broker]
    drawn = [fault.name for fault in dealt(kinds, 2 * len(kinds), random.Random(1))]
    assert sorted(drawn) == sorted(2 * [fault.name for fault in kinds])
    assert drawn == [fault.name for fault in dealt(kinds, 2 * len(kinds), random.Random(1))]
