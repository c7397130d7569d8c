"""Ids of work say when its documents were taken in."""

from __future__ import annotations

import time
import uuid

import pytest

from worker.handoff.work_ids import new_work_id, taken_at


def test_an_id_says_when_and_so_do_those_of_its_parts() -> None:
    before = time.time()
    made = new_work_id("ingress")
    found = taken_at(made)
    assert found is not None
    assert before - 0.001 <= found <= time.time()
    assert taken_at(f"{made}.7") == taken_at(f"{made}/3") == found
    assert taken_at(new_work_id("ingress", 1_700_000_000.25)) == 1_700_000_000.25


def test_an_id_is_a_uuid_of_version_7_and_no_other() -> None:
    made = {new_work_id("delivery") for _ in range(1000)}
    assert len(made) == 1000
    ids = [uuid.UUID(each.removeprefix("delivery-")) for each in made]
    assert {(each.version, each.variant) for each in ids} == {(7, uuid.RFC_4122)}


#: Ids of version 4, as versions before made them. The same in every process: a test's name says which it is.
RANDOM = uuid.UUID("5b3c1f0e-7d7a-4a4b-9c0e-2f6d8a1b3c5d")


@pytest.mark.parametrize("work_id", ["", "ingress-", f"ingress-{RANDOM.hex}", f"{RANDOM}/abc", "x" * 40])
def test_another_id_says_nothing(work_id: str) -> None:
    assert taken_at(work_id) is None
