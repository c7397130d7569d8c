"""Parked messages and batches: kept whole, listed by reason, replayed or dropped once each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, and_, delete, func, or_, select, update

from core.encoding import storable
from core.errors import FieldError, ParkReason
from core.storage.database import Database, transaction
from core.storage.statements import CHUNK, chunks, insert_into, write_returning
from core.storage.tables import ACCOUNTS, PARKED

#: An id longer than this stands in no index; the document keeps it whole.
ID_MAX_CHARACTERS = 200

_DETAIL_MAX_CHARACTERS = 2000


class ParkedState(StrEnum):
    """What became of a parked document; only `parked` ones can change."""

    PARKED = "parked"
    REPLAYED = "replayed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedEntry:
    """All about a parked document but its content. `lane` is the queue that it came from.

    `reason` is a ParkReason and `state` a ParkedState, or what a newer version of this program wrote in their place.
    """

    parked_id: str
    reason: str
    detail: str
    lane: str
    parked_at: datetime
    fields: tuple[FieldError, ...] = ()
    message_id: str | None = None
    campaign_id: str | None = None
    batch_id: str | None = None
    account_id: str | None = None
    subaccount_id: str | None = None
    country: str | None = None
    state: str = ParkedState.PARKED
    state_changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedDocument(ParkedEntry):
    """A parked document with its content, the bytes as they came in."""

    document: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedFilter:
    """Which parked documents; None: any. `account_id` finds those of its sub-accounts too.

    `sent_by`, where not empty, keeps to those that name one of these pairs of account and sub-account (None: any). The
    ids were not checked when a document was parked, so whoever shows them to an account must name both.
    """

    reason: ParkReason | None = None
    account_id: str | None = None
    country: str | None = None
    campaign_id: str | None = None
    state: ParkedState | None = ParkedState.PARKED
    sent_by: tuple[tuple[str, str | None], ...] = ()


#: Where a page of parked documents ended: `parked_at` and `parked_id` of its last.
ParkedCursor = tuple[datetime, str]

_TEXTS = ("message_id", "campaign_id", "batch_id", "account_id", "subaccount_id", "country")
_ENTRY_COLUMNS = tuple(PARKED.c[entry_field.name] for entry_field in fields(ParkedEntry))


class ParkedStore(Database):
    """Keeps what could not be dispatched."""

    def park(self, documents: Sequence[ParkedDocument]) -> None:
        """Keeps documents; one whose `parked_id` is known stays as it is."""
        rows = [_values(document) for document in sorted(documents, key=lambda document: document.parked_id)]
        with self.single() as connection:
            statement = insert_into(connection, PARKED).on_conflict_do_nothing().returning(PARKED.c.parked_id)
            for part in chunks(rows, CHUNK):
                write_returning(connection, statement, part)

    def parked(
        self, wanted: ParkedFilter, *, limit: int = 100, after: ParkedCursor | None = None
    ) -> Sequence[ParkedEntry]:
        """The newest first; `after` is the `cursor_of` the last entry of the page before."""
        query = select(*_ENTRY_COLUMNS).where(*conditions_of(wanted)).limit(limit)
        if after is not None:
            at, parked_id = after
            older = and_(PARKED.c.parked_at == at, PARKED.c.parked_id < parked_id)
            query = query.where(PARKED.c.parked_at <= at, or_(PARKED.c.parked_at < at, older))
        with self.single() as connection:
            rows = connection.execute(query.order_by(PARKED.c.parked_at.desc(), PARKED.c.parked_id.desc()))
            return [ParkedEntry(**_entry_values(row)) for row in rows]

    def parked_counts(self, wanted: ParkedFilter) -> dict[str, int]:
        """How many there are, by reason."""
        query = select(PARKED.c.reason, func.count()).where(*conditions_of(wanted)).group_by(PARKED.c.reason)
        with self.single() as connection:
            return dict(connection.execute(query).all())

    def parked_one(self, parked_id: str) -> ParkedDocument | None:
        """One document with its content, or None."""
        if not storable(parked_id):
            return None
        with self.single() as connection:
            row = connection.execute(_documents().where(PARKED.c.parked_id == parked_id)).one_or_none()
        return None if row is None else _document(row)

    @contextmanager
    def take_for_replay(self, parked_ids: Sequence[str], now: datetime) -> Iterator[Sequence[ParkedDocument]]:
        """Hands over those that are still parked, marked as replayed when the block ends without an exception.

        Of two replays of one document the second waits for the first and then gets nothing. A block that raises, or
        a program that dies in it, leaves the documents parked; so enqueue inside the block.
        """
        with transaction(self.engine) as connection:
            taken: list[ParkedDocument] = []
            for part in chunks(sorted(set(parked_ids)), CHUNK):
                change = _change(part, ParkedState.REPLAYED, now)
                rows = connection.execute(change.returning(*_ENTRY_COLUMNS, PARKED.c.document))
                taken.extend(_document(row) for row in rows)
            yield taken

    def mark_dropped(self, parked_ids: Sequence[str], now: datetime) -> list[str]:
        """Gives up those that are still parked, and removes text and number; their ids."""
        with transaction(self.engine) as connection:
            dropped: list[str] = []
            for part in chunks(sorted(set(parked_ids)), CHUNK):
                change = _change(part, ParkedState.DROPPED, now).values(document=b"")
                dropped.extend(connection.scalars(change.returning(PARKED.c.parked_id)))
            return dropped

    def drop_parked_before(self, moment: datetime) -> int:
        """Drops what was parked before a moment and is parked still, as `mark_dropped` does; how many there were."""
        old = and_(PARKED.c.state == ParkedState.PARKED, PARKED.c.parked_at < moment)
        now = self.clock()
        dropped = 0
        while True:
            with self.single() as connection:
                ids = connection.scalars(select(PARKED.c.parked_id).where(old).limit(CHUNK)).all()
            if not ids:
                return dropped
            dropped += len(self.mark_dropped(ids, now))

    def forget_beyond(self, most: int) -> dict[str, int]:
        """Deletes the oldest of whoever has more than `most`; how many there were, by account.

        What was replayed or dropped goes first. Documents that name no account which exists count together, as ''.
        """
        return {owner or "": self._forget_oldest(owner, number - most) for owner, number in self._owners_of_more(most)}

    def _owners_of_more(self, most: int) -> Sequence[tuple[str | None, int]]:
        named = select(PARKED.c.account_id, func.count().label("number")).group_by(PARKED.c.account_id).subquery()
        known = ACCOUNTS.c.account_id
        owners = (
            select(known, func.sum(named.c.number))
            .select_from(named.outerjoin(ACCOUNTS, known == named.c.account_id))
            .group_by(known)
            .having(func.sum(named.c.number) > most)
        )
        with self.single() as connection:
            return [(owner, int(number)) for owner, number in connection.execute(owners)]

    def _forget_oldest(self, owner: str | None, number: int) -> int:
        nobodys = or_(PARKED.c.account_id.is_(None), PARKED.c.account_id.not_in(select(ACCOUNTS.c.account_id)))
        of_owner = nobodys if owner is None else PARKED.c.account_id == owner
        left = number
        for state in (ParkedState.DROPPED, ParkedState.REPLAYED, ParkedState.PARKED):
            oldest = select(PARKED.c.parked_id).where(of_owner, PARKED.c.state == state)
            oldest = oldest.order_by(PARKED.c.parked_at, PARKED.c.parked_id)
            while left > 0:
                ids = oldest.limit(min(left, CHUNK)).scalar_subquery()
                with transaction(self.engine) as connection:
                    # The state once more: what a replay has taken meanwhile is its own.
                    gone = delete(PARKED).where(PARKED.c.parked_id.in_(ids), PARKED.c.state == state)
                    count = connection.execute(gone).rowcount
                if not count:
                    break
                left -= count
        return number - left

    def forget_parked(self, settled_before: datetime) -> int:
        """Deletes what was replayed or dropped before a moment; how many there were."""
        settled = and_(PARKED.c.state != ParkedState.PARKED, PARKED.c.state_changed_at < settled_before)
        with transaction(self.engine) as connection:
            return connection.execute(delete(PARKED).where(settled)).rowcount


def sent_by(account_id: str, parent: str | None) -> tuple[tuple[str, str | None], ...]:
    """The ids that an account's documents carry; a sub-account sends under its own, or under both."""
    own: tuple[tuple[str, str | None], ...] = ((account_id, None),)
    return own if parent is None else (*own, (parent, account_id))


def cursor_of(entry: ParkedEntry) -> ParkedCursor:
    """Where the page that ends with `entry` ends."""
    return entry.parked_at, entry.parked_id


def conditions_of(wanted: ParkedFilter) -> list[Any]:
    """What a row must fulfil."""
    conditions: list[Any] = []
    if wanted.account_id is not None:
        mine = PARKED.c.account_id == _clean(wanted.account_id)
        conditions.append(or_(mine, PARKED.c.subaccount_id == _clean(wanted.account_id)))
    if wanted.sent_by:
        conditions.append(or_(*(_sent_by(*pair) for pair in wanted.sent_by)))
    pairs: Mapping[Any, str | None] = {
        PARKED.c.reason: wanted.reason,
        PARKED.c.country: wanted.country,
        PARKED.c.campaign_id: wanted.campaign_id,
        PARKED.c.state: wanted.state,
    }
    conditions.extend(column == _clean(value) for column, value in pairs.items() if value is not None)
    return conditions


def _sent_by(account_id: str, subaccount_id: str | None) -> Any:
    mine = PARKED.c.account_id == account_id
    return mine if subaccount_id is None else and_(mine, PARKED.c.subaccount_id == subaccount_id)


def _change(parked_ids: Sequence[str], state: ParkedState, now: datetime) -> Any:
    still_parked = and_(
        PARKED.c.parked_id.in_(list(filter(storable, parked_ids))), PARKED.c.state == ParkedState.PARKED
    )
    return update(PARKED).where(still_parked).values(state=state.value, state_changed_at=now)


def _documents() -> Select[*tuple[Any, ...]]:
    return select(*_ENTRY_COLUMNS, PARKED.c.document)


def _document(row: Row[*tuple[Any, ...]]) -> ParkedDocument:
    return ParkedDocument(**_entry_values(row), document=row.document)


def _known(kind: type[StrEnum], text: str) -> str:
    """The member of this version, or the text that a newer one wrote."""
    try:
        return kind(text)
    except ValueError:
        return text


def _entry_values(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    values = {entry_field.name: getattr(row, entry_field.name) for entry_field in fields(ParkedEntry)}
    return values | {
        "reason": _known(ParkReason, row.reason),
        "state": _known(ParkedState, row.state),
        "fields": tuple(FieldError(error["field"], error["reason"]) for error in row.fields or ()),
    }


def _values(parked: ParkedDocument) -> dict[str, Any]:
    texts = {name: _clean(getattr(parked, name)) for name in _TEXTS}
    return texts | {
        "parked_id": parked.parked_id,
        "reason": str(parked.reason),
        "detail": _printable(parked.detail)[:_DETAIL_MAX_CHARACTERS],
        "fields": [{"field": _printable(e.field), "reason": _printable(e.reason)} for e in parked.fields] or None,
        "lane": parked.lane,
        "document": parked.document,
        "parked_at": parked.parked_at,
        "state": str(parked.state),
        "state_changed_at": parked.state_changed_at or parked.parked_at,
    }


def _clean(text: str | None) -> str | None:
    """An id out of an unchecked document, as it can be stored and indexed."""
    return None if text is None else _printable(text)[:ID_MAX_CHARACTERS]


def _printable(text: str) -> str:
    return text if storable(text) else text.replace("\x00", "�").encode("utf-8", "replace").decode()
