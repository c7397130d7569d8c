"""Nothing of a recipient is left anywhere, and the account of it says how much it was and never whose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.erasures.erasures import Erasures
from core.errors import ParkReason
from core.parked.store import ParkedDocument, ParkedFilter, ParkedState
from core.storage.database import open_engine
from core.storage.tables import METADATA
from core.store import Store
from tests.support.cli_runner import embedded_cli
from tests.support.store_fixtures import NOW, filled_schema
from worker.embedded.urls import embedded_redis

NUMBER, OTHER, TEXT = "+61491570156", "+61491570157", "a text to one person"
EVERYTHING = (ParkedFilter(state=None),)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with filled_schema(database_url) as engine:
        yield Store(engine, clock=lambda: NOW)


def parked(number: int, content: object, **changes: object) -> ParkedDocument:
    document = ParkedDocument(
        parked_id=f"prk_{number}",
        reason=ParkReason.NO_COMPLIANT_SENDER,
        detail="none of 2 senders fits",
        lane="smart-assign.ingress",
        parked_at=NOW - timedelta(days=number),
        message_id=f"m{number}",
        account_id="acme",
        country="AU",
        document=json.dumps(content).encode(),
    )
    return replace(document, **changes)  # type: ignore[arg-type]


def message(to: str) -> dict[str, str]:
    return {"message_id": "m", "account_id": "acme", "to": to, "body": TEXT}


def test_it_empties_what_is_parked_and_keeps_the_reason(store: Store) -> None:
    store.park(
        [parked(1, message(NUMBER)), parked(2, message(OTHER)), parked(3, message("0491 570 156") | {"country": "AU"})]
    )
    with store.take_for_replay(["prk_3"], NOW):
        pass
    done = Erasures(store).erase(NUMBER, EVERYTHING, account_id=None, by="ada")
    assert done.counts == {"searched": 3, "documents": 2, "recipients": 0, "ids": 0, "unread": 0}
    emptied, other, replayed = (store.parked_one(f"prk_{number}") for number in (1, 2, 3))
    assert emptied
    assert other
    assert replayed
    assert (emptied.document, emptied.state, emptied.reason) == (
        b"",
        ParkedState.DROPPED,
        ParkReason.NO_COMPLIANT_SENDER,
    )
    assert (replayed.document, replayed.state) == (b"", ParkedState.REPLAYED)
    assert (other.document, other.state) == (json.dumps(message(OTHER)).encode(), ParkedState.PARKED)
    assert Erasures(store).erase(NUMBER, EVERYTHING, account_id=None, by="ada").counts["documents"] == 0


def test_it_takes_a_recipient_out_of_a_batch_that_stays_parked(store: Store) -> None:
    batch = {"account_id": "acme", "recipients": [{"to": NUMBER}, {"to": OTHER}]}
    store.park([parked(1, batch)])
    assert Erasures(store).erase(NUMBER, EVERYTHING, account_id=None, by="ada").counts["recipients"] == 1
    found = store.parked_one("prk_1")
    assert found is not None
    assert found.state is ParkedState.PARKED
    assert json.loads(found.document)["recipients"] == [{"to": "erased"}, {"to": OTHER}]


def test_it_removes_ids_that_hold_the_number(store: Store) -> None:
    told = "the id +61 491 570 156 is too long"
    store.park([parked(1, {}, message_id="61491570156-7", campaign_id="spring", document=b"", detail=told)])
    assert Erasures(store).erase(NUMBER, EVERYTHING, account_id=None, by="ada").counts["ids"] == 2
    found = store.parked_one("prk_1")
    assert found is not None
    assert (found.message_id, found.campaign_id, found.detail, found.state) == (None, "spring", "erased", "parked")


def test_it_looks_through_more_than_one_page(store: Store) -> None:
    store.park([parked(number, message(NUMBER if number % 2 else OTHER)) for number in range(601)])
    store.park([parked(2000, message(NUMBER) | {"body": "x" * 9_000_000})])
    counts = Erasures(store).erase(NUMBER, EVERYTHING, account_id=None, by="ada").counts
    assert (counts["searched"], counts["documents"]) == (602, 301)


def test_its_account_holds_no_number(store: Store) -> None:
    store.park([parked(1, message(NUMBER))])
    done = Erasures(store).erase(NUMBER, EVERYTHING, account_id="acme", by="ada")
    assert list(Erasures(store).listed("acme")) == [done]
    assert list(Erasures(store).listed()) == [done]
    assert not list(Erasures(store).listed("umbrella"))
    with store.single() as connection:
        kept = [str(row) for table in METADATA.sorted_tables for row in connection.execute(table.select())]
    assert not [row for row in kept if NUMBER[1:] in row or TEXT in row]


def test_its_account_goes_after_its_time(store: Store) -> None:
    Erasures(store).erase(NUMBER, EVERYTHING, account_id=None, by="ada")
    assert Erasures(store).forget(NOW) == 0
    assert Erasures(store).forget(NOW + timedelta(seconds=1)) == 1


def test_what_is_parked_too_long_is_dropped_with_its_text(store: Store) -> None:
    store.park([parked(number, message(NUMBER)) for number in (1, 365, 366)])
    assert store.drop_parked_before(NOW - timedelta(days=365)) == 1
    assert [entry.parked_id for entry in store.parked(ParkedFilter(state=ParkedState.DROPPED))] == ["prk_366"]
    found = store.parked_one("prk_366")
    assert found is not None
    assert found.document == b""


# ---- the command ----


def files_that_hold(folder: Path, *texts: str) -> list[str]:
    held = [
        path for path in folder.rglob("*") if path.is_file() and any(t.encode() in path.read_bytes() for t in texts)
    ]
    return [str(path.relative_to(folder)) for path in held]


def test_no_file_of_an_embedded_deployment_holds_the_number_afterwards(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    cli = embedded_cli(data_dir)
    cli.done("db", "upgrade")
    store = Store(open_engine(f"sqlite:///{data_dir}/smart-assign.sqlite3"), clock=lambda: NOW)
    store.park([parked(1, message(NUMBER))])
    store.engine.dispose()
    with embedded_redis(data_dir) as embedded, embedded.client() as client:
        if not embedded.persistent:
            pytest.skip("fakeredis keeps nothing in files")
        # What passes through a queue stands in the server's file, and what was refused in the report.
        cli.done("send", "--account", "acme", "--to", NUMBER, "--body", TEXT)
        rows = tmp_path / "rows.csv"
        rows.write_text(f'to\n{OTHER}\n"{NUMBER}, {OTHER}"\n')
        report = data_dir / "campaigns" / "spring.refused.csv"
        cli.run("campaign", "send", "--account", "acme", "--body", "b", "--file", str(rows), "--report", str(report))
        client.flushall()
    assert {path.split("/")[0] for path in files_that_hold(data_dir, NUMBER[1:])} == {
        "campaigns", "redis", "smart-assign.sqlite3",
    }  # fmt: skip
    told = cli.done("erase", "--to", "0491 570 156", "--country", "AU")
    assert told["counts"] == {"searched": 1, "documents": 1, "recipients": 0, "ids": 0, "unread": 0, "report_rows": 1}
    assert files_that_hold(data_dir, NUMBER[1:], TEXT) == []


@pytest.mark.parametrize("to", ["0491570156", "nobody", "+1"])
def test_it_refuses_what_is_no_number(tmp_path: Path, to: str) -> None:
    said = embedded_cli(tmp_path).refused("erase", "--to", to)
    assert said.startswith("  to: ")
    assert to not in said
