"""To which countries an account sends: what it has set, many countries at once, and who changed what when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, select

from core.accounts.accounts import AccountOrId, resolved_account
from core.accounts.facts_query import REST
from core.engine.destinations import DestinationMode
from core.moments import rfc3339
from core.storage.database import Database, Write
from core.storage.statements import CHUNK, any_of, chunks, insert_into
from core.storage.tables import DESTINATION_HISTORY, DESTINATIONS

#: An account's destination: the account's number, and the country; None: the rest of the world.
DestinationKey = tuple[int, str | None]


@dataclass(frozen=True, slots=True)
class StoredDestination:
    """What an account has set for a country, or with `country` None for the rest of the world; by whom, and when."""

    account_id: str
    country: str | None
    mode: DestinationMode
    changed_at: datetime
    changed_by: str

    def document(self) -> dict[str, object]:
        """As the API and the command line show it."""
        return {
            "account_id": self.account_id,
            "country": self.country,
            "mode": self.mode.value,
            "changed_at": rfc3339(self.changed_at),
            "changed_by": self.changed_by,
        }


@dataclass(frozen=True, slots=True)
class DestinationChange:
    """A destination before and after; None: nothing is set, and the next setting counts."""

    country: str | None
    before: DestinationMode | None
    after: DestinationMode | None

    @property
    def idle(self) -> bool:
        """Whether it is so already."""
        return self.before == self.after

    def document(self) -> dict[str, object]:
        """As the API and the command line show it."""
        return {"country": self.country, "before": self.before, "after": self.after, "changed": not self.idle}


@dataclass(frozen=True, slots=True)
class PastDestinationChange:
    """A change that was made: who, when, from what to what."""

    country: str | None
    changed_at: datetime
    changed_by: str
    before: DestinationMode | None
    after: DestinationMode | None

    def document(self) -> dict[str, object]:
        """As the API shows it."""
        return {
            "country": self.country,
            "changed_at": rfc3339(self.changed_at),
            "changed_by": self.changed_by,
            "before": self.before,
            "after": self.after,
        }


class Destinations:
    """The destinations of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, account: AccountOrId, *, inherited: bool = False) -> list[StoredDestination]:
        """What an account has set, countries first; `inherited`: then what the account above has. Raises NotFoundError."""
        with self._database.single() as connection:
            holder = resolved_account(connection, account)
            owners = [(holder.user_id, holder.account_id)]
            if inherited and holder.parent_user_id is not None and holder.parent is not None:
                owners.append((holder.parent_user_id, holder.parent))
            return [each for ref, account_id in owners for each in _stored(connection, ref, account_id)]

    def change(
        self,
        account: AccountOrId,
        countries: Iterable[str | None],
        mode: DestinationMode | None,
        *,
        by: str,
        dry_run: bool = False,
    ) -> tuple[DestinationChange, ...]:
        """Set the mode of countries in normal form, None: of the rest; mode None: remove what is set.

        All of them or none, and what was so already stays as it is. `by` stands in the history. `dry_run` writes nothing.
        Raises NotFoundError.
        """
        wanted = tuple(dict.fromkeys(countries))
        if dry_run:
            with self._database.single() as connection:
                ref = resolved_account(connection, account).user_id
                return _changes(connection, ref, wanted, mode)
        with self._database.writing() as write:
            ref = resolved_account(write.connection, account).user_id
            changes = _changes(write.connection, ref, wanted, mode)
            now = self._database.clock()
            write_destinations(write, [(ref, each) for each in changes], by=by, now=now)
        return changes

    def history(self, account: AccountOrId, *, limit: int = 100) -> list[PastDestinationChange]:
        """The latest changes of an account's destinations, newest first. Raises NotFoundError."""
        row_of = DESTINATION_HISTORY.c
        with self._database.single() as connection:
            ref = resolved_account(connection, account).user_id
            query = select(row_of.country, row_of.changed_at, row_of.changed_by, row_of.before, row_of.after)
            query = query.where(row_of.account_ref == ref).order_by(row_of.changed_at.desc(), row_of.id.desc())
            rows = connection.execute(query.limit(limit)).all()
        return [PastDestinationChange(_named(row[0]), row[1], row[2], _mode(row[3]), _mode(row[4])) for row in rows]


def read_destinations(connection: Connection, keys: Sequence[DestinationKey]) -> dict[DestinationKey, DestinationMode]:
    """What is set of these, within a transaction."""
    found: dict[DestinationKey, DestinationMode] = {}
    for part in chunks(keys, CHUNK):
        wanted = and_(
            any_of(connection, DESTINATIONS.c.account_ref, sorted({ref for ref, _ in part})),
            any_of(connection, DESTINATIONS.c.country, sorted({country or REST for _, country in part})),
        )
        query = select(DESTINATIONS.c.account_ref, DESTINATIONS.c.country, DESTINATIONS.c.mode).where(wanted)
        asked = set(part)
        for ref, country, mode in connection.execute(query):
            if (key := (ref, _named(country))) in asked:
                found[key] = DestinationMode(mode)
    return found


def write_destinations(
    write: Write, changes: Iterable[tuple[int, DestinationChange]], *, by: str, now: datetime
) -> None:
    """Write the changes that are not idle, with their history, and raise the epochs of their accounts."""
    for part in chunks(((ref, change) for ref, change in changes if not change.idle), CHUNK):
        rows = [
            {
                "account_ref": ref,
                "country": change.country or REST,
                "mode": change.after.value,
                "changed_at": now,
                "changed_by": by,
            }
            for ref, change in part
            if change.after is not None
        ]
        if rows:
            put = insert_into(write.connection, DESTINATIONS)
            names = ("mode", "changed_at", "changed_by")
            keys = ["account_ref", "country"]
            write.connection.execute(
                put.on_conflict_do_update(index_elements=keys, set_={name: put.excluded[name] for name in names}), rows
            )
        for ref, change in part:
            if change.after is None:
                gone = and_(DESTINATIONS.c.account_ref == ref, DESTINATIONS.c.country == (change.country or REST))
                write.connection.execute(delete(DESTINATIONS).where(gone))
            write.touch_account(ref)
        write.connection.execute(insert(DESTINATION_HISTORY), [_history(ref, each, by, now) for ref, each in part])


def forget_destination_history(store: Database, changed_before: datetime) -> int:
    """Deletes what is known of changes of destinations before a moment; how many changes there were."""
    old = DESTINATION_HISTORY.c.changed_at < changed_before
    with store.single() as connection:
        return connection.execute(delete(DESTINATION_HISTORY).where(old)).rowcount


def _changes(
    connection: Connection, ref: int, wanted: Sequence[str | None], mode: DestinationMode | None
) -> tuple[DestinationChange, ...]:
    known = read_destinations(connection, [(ref, country) for country in wanted])
    return tuple(DestinationChange(country, known.get((ref, country)), mode) for country in wanted)


def _stored(connection: Connection, ref: int, account_id: str) -> list[StoredDestination]:
    row_of = DESTINATIONS.c
    query = select(row_of.country, row_of.mode, row_of.changed_at, row_of.changed_by).where(row_of.account_ref == ref)
    found = [
        StoredDestination(account_id, _named(row.country), DestinationMode(row.mode), row.changed_at, row.changed_by)
        for row in connection.execute(query.order_by(row_of.country))
    ]
    return sorted(found, key=lambda each: each.country is None)


def _history(ref: int, change: DestinationChange, by: str, now: datetime) -> Mapping[str, Any]:
    return {
        "account_ref": ref,
        "country": change.country or REST,
        "changed_at": now,
        "changed_by": by,
        "before": change.before,
        "after": change.after,
    }


def _named(country: str) -> str | None:
    return None if country == REST else country


def _mode(text: str | None) -> DestinationMode | None:
    return None if text is None else DestinationMode(text)
