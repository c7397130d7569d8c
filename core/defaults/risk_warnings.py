"""Warnings of defaults at risk: each is told once, and again only if it was mended and broke again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, case, delete, func, or_, select, tuple_

from core.defaults.at_risk import AtRisk, EndangeredDefault, Risk, at_risk_event
from core.sender import bare_sender_id
from core.storage.database import Database
from core.storage.statements import CHUNK, any_of, chunks, insert_into
from core.storage.tables import DEFAULT_SENDERS, DEFAULT_WARNINGS

#: Default, sender and reason: what is one warning.
_Key = tuple[UUID, str, str]

#: Takes events, each a JSON document, or raises; then nothing counts as told.
Tell = Callable[[Sequence[bytes]], None]


@dataclass(frozen=True, slots=True)
class WarningCount:
    """How many strategies are at risk for one reason, by whether they can be used at present."""

    reason: str
    usable_now: bool
    count: int


@dataclass(frozen=True, slots=True)
class CheckedPage:
    """What became of some pages: defaults judged, strategies at risk, told now, mended; `after` is None on the last page."""

    checked: int
    at_risk: int
    told: int
    mended: int
    after: UUID | None

    def plus(self, following: CheckedPage) -> CheckedPage:
        """The sum of both."""
        return CheckedPage(
            self.checked + following.checked,
            self.at_risk + following.at_risk,
            self.told + following.told,
            self.mended + following.mended,
            following.after,
        )


class DefaultWarnings:
    """Compares the defaults at risk with what was told before."""

    def __init__(self, database: Database, at_risk: AtRisk) -> None:
        self._database, self._at_risk = database, at_risk

    def check_page(self, after: UUID | None, tell: Tell) -> CheckedPage:
        """Judges the next defaults behind `after`, tells of those newly at risk and forgets those that were mended.

        The record ends with the telling: what `tell` refuses is told at the next check, and a crash between the two
        tells twice rather than never.
        """
        judge = self._at_risk.judge()
        with self._database.single() as connection:
            page = self._at_risk.page(connection, judge, after)
            known = _known(connection, page.judged)
        found = {_key(each, risk): (each, risk) for each in page.endangered for risk in each.risks}
        told, mended = 0, known - found.keys()
        if mended or found.keys() - known:
            with self._database.writing() as write:
                _forget(write.connection, mended)
                told = _warn(write.connection, {key: found[key] for key in found.keys() - known}, tell, judge.now)
        return CheckedPage(len(page.judged), len(found), told, len(mended), page.after)

    def check(self, after: UUID | None, tell: Tell, pages: int) -> CheckedPage:
        """The same for as many pages, added up."""
        total = CheckedPage(0, 0, 0, 0, after)
        for _ in range(pages):
            total = total.plus(self.check_page(total.after, tell))
            if total.after is None:
                break
        return total


def count_warnings(database: Database) -> tuple[WarningCount, ...]:
    """What the last check found, for a gauge; one statement on a table of problems, which is small."""
    now, row = database.clock(), DEFAULT_WARNINGS.c
    usable = case((or_(row.at_risk_from.is_(None), row.at_risk_from <= now), 0), else_=1)
    query = select(row.reason, usable, func.count()).group_by(row.reason, usable).order_by(row.reason, usable)
    with database.single() as connection:
        return tuple(WarningCount(reason, bool(soon), count) for reason, soon, count in connection.execute(query))


def count_warnings_before(database: Database, moment: datetime) -> int:
    """How many of those are, or will be, of no use at `moment`, as the last check found them."""
    row = DEFAULT_WARNINGS.c
    query = select(func.count(row.reason)).where(or_(row.at_risk_from.is_(None), row.at_risk_from <= moment))
    with database.single() as connection:
        return int(connection.scalar(query) or 0)


def _key(endangered: EndangeredDefault, risk: Risk) -> _Key:
    name = f"{risk.strategy.sender_type}/{bare_sender_id(risk.strategy.sender_id)}"
    return endangered.default.default_id, name, risk.reason.value


def _known(connection: Connection, ids: Sequence[UUID]) -> set[_Key]:
    row = DEFAULT_WARNINGS.c
    query = select(row.default_ref, row.sender, row.reason).where(any_of(connection, row.default_ref, ids))
    return {(found.default_ref, found.sender, found.reason) for found in connection.execute(query)}


def _forget(connection: Connection, keys: set[_Key]) -> None:
    row = DEFAULT_WARNINGS.c
    for part in chunks(keys, CHUNK):
        connection.execute(delete(DEFAULT_WARNINGS).where(tuple_(row.default_ref, row.sender, row.reason).in_(part)))


def _warn(
    connection: Connection, fresh: Mapping[_Key, tuple[EndangeredDefault, Risk]], tell: Tell, now: datetime
) -> int:
    """Tells of those that no other check has told of meanwhile, and whose default is still there."""
    row = DEFAULT_WARNINGS.c
    mine: list[_Key] = []
    standing = _standing(connection, {default_id for default_id, _, _ in fresh})
    for part in chunks((key for key in fresh if key[0] in standing), CHUNK):
        insert = insert_into(connection, DEFAULT_WARNINGS).on_conflict_do_nothing()
        rows = [_row(key, fresh[key][1], now) for key in part]
        returned = connection.execute(insert.returning(row.default_ref, row.sender, row.reason), rows)
        mine += [(found.default_ref, found.sender, found.reason) for found in returned]
    told = ((each.default, risk) for each, risk in map(fresh.__getitem__, mine))
    tell([at_risk_event(default, risk, now) for default, risk in told])
    return len(mine)


def _standing(connection: Connection, ids: set[UUID]) -> set[UUID]:
    query = select(DEFAULT_SENDERS.c.id).where(any_of(connection, DEFAULT_SENDERS.c.id, ids))
    return set(connection.scalars(query.with_for_update(read=True, key_share=True)))


def _row(key: _Key, risk: Risk, now: datetime) -> dict[str, object]:
    default_ref, sender, reason = key
    return {
        "default_ref": default_ref,
        "sender": sender,
        "reason": reason,
        "at_risk_from": risk.at_risk_from,
        "told_at": now,
    }
