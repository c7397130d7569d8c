"""docs/privacy.md speaks of every table, every key in Redis and every setting that says how long something is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from core.accounts.accounts import Accounts
from core.cache.bounds import Bound, left_out
from core.erasures.erasures import Erasures
from core.errors import ParkReason
from core.parked.store import ParkedDocument, ParkedFilter, ParkedState
from core.storage.tables import DEFAULT_HISTORY, ERASURES, METADATA
from core.storage.upgrade import upgrade
from core.store import Store
from tests.support.accounts import AU, open_store
from tests.support.compose_file import ROOT
from worker.configuration import configured
from worker.settings import Settings
from worker.tasks import bound_parked, prune_parked, prune_records
from worker.wiring import release_runtime, runtime

PAGE = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
#: What says how long before something happens, not how long something is kept.
NOTICES = {"at_risk_days"}


def first_cells(heading: str) -> set[str]:
    """What stands between backticks in the first column below a heading."""
    section = PAGE.partition(f"### {heading}\n")[2].partition("\n#")[0]
    cells = re.findall(r"(?m)^\|([^|]*)\|", section)
    return {name for cell in cells for name in re.findall("`([^`]+)`", cell)}


def keys_in_redis() -> Iterator[str]:
    for package in ("core", "worker", "api"):
        for path in (ROOT / package).rglob("*.py"):
            yield from re.findall(r'f"\{(?:self\.)?_?(?:prefix|stem)\}:([a-z-]+:?)', path.read_text(encoding="utf-8"))


def test_it_names_every_table() -> None:
    assert first_cells("SQL") == {*METADATA.tables, "alembic_version"}


def test_it_names_every_key_in_redis() -> None:
    named = first_cells("Redis") - {"KEY_PREFIX", "unacked"}
    assert {name.rstrip(":") for name in named} == {name.rstrip(":") for name in keys_in_redis()}


def test_it_names_every_setting_of_time_with_its_default() -> None:
    kept = {name for name in Settings.model_fields if re.search("_(days|ttl|window)$", name)} - NOTICES
    told = dict(re.findall(r"`([A-Z_]+)` \((\d+)", PAGE))
    assert {name.lower(): int(value) for name, value in told.items()} == {
        name: Settings.model_fields[name].default for name in kept
    }


# ---- and it is so ----


@pytest.fixture
def store(tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The database of the tasks that the scheduler gives out."""
    url = f"sqlite:///{tmp_path}/test.sqlite3"
    upgrade(url)
    monkeypatch.setenv("SMART_ASSIGN_DATABASE_URL", url)
    monkeypatch.setenv("SMART_ASSIGN_BROKER_URL", redis_url)
    configured.cache_clear()
    with open_store(url, redis_url) as opened:
        yield opened
    release_runtime()
    configured.cache_clear()


def parked(parked_id: str, ago: timedelta) -> ParkedDocument:
    return ParkedDocument(
        parked_id=parked_id,
        reason=ParkReason.EXPIRED,
        detail="expires_at had passed",
        lane="smart-assign.ingress",
        parked_at=datetime.now(UTC) - ago,
        document=AU.encode(),
    )


@pytest.mark.redis
def test_the_daily_tasks_keep_to_it(store: Store) -> None:
    hour, year, quarter = timedelta(hours=1), timedelta(days=365), timedelta(days=90)
    store.park(
        [parked("waits", year - hour), parked("too long", year + hour), *(parked(x, hour) for x in ("new", "old"))]
    )
    store.mark_dropped(["new"], datetime.now(UTC) - quarter + hour)
    store.mark_dropped(["old"], datetime.now(UTC) - quarter - hour)
    assert prune_parked() == {"dropped": 1, "pruned": 1}
    left = {entry.parked_id: entry.state for entry in store.parked(ParkedFilter(state=None))}
    assert left == {"waits": ParkedState.PARKED, "too long": ParkedState.DROPPED, "new": ParkedState.DROPPED}


@pytest.mark.redis
def test_the_oldest_go_beyond_their_bound_and_are_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMART_ASSIGN_PARKED_MOST", "2")
    store.park([parked(str(days), timedelta(days=days)) for days in range(5)])
    assert bound_parked() == {"removed": 3}
    assert {entry.parked_id for entry in store.parked(ParkedFilter(state=None))} == {"0", "1"}
    assert left_out("smart-assign", [runtime().cache_redis])[Bound.PARKED] == 3


@pytest.mark.redis
def test_the_accounts_of_changes_and_erasures_go_after_their_days(store: Store) -> None:
    account, _ = Accounts(store).add("acme")
    now, kept = datetime.now(UTC), timedelta(days=1095)
    for number, ago in enumerate((kept - timedelta(hours=1), kept + timedelta(hours=1))):
        change = {"account_ref": account.user_id, "country": "AU", "product": "SMS", "changed_by": "ada"}
        done = {"erasure_id": f"era_{number}", "erased_by": "ada", "counts": {}}
        with store.single() as connection:
            connection.execute(insert(DEFAULT_HISTORY).values(change | {"changed_at": now - ago}))
            connection.execute(insert(ERASURES).values(done | {"erased_at": now - ago}))
    assert prune_records() == {"history": 1, "destination_history": 0, "erasures": 1}
    assert [erasure.erasure_id for erasure in Erasures(store).listed()] == ["era_0"]
