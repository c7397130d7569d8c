"""What people wrote, in all that was ever parked: looked through, and what is to go is taken out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, case, func, select, update

from core.parked.store import ParkedFilter, ParkedState, conditions_of
from core.storage.database import Database, transaction
from core.storage.statements import CHUNK
from core.storage.tables import PARKED

#: The texts beside the document: what whoever sent it made up, and why it was parked.
TEXTS = ("message_id", "campaign_id", "batch_id", "detail")
#: Bytes of documents read at a time; a larger one comes alone.
_READ_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The content of a parked document, as it stands or as it is to stand; `texts` are those of TEXTS."""

    parked_id: str
    state: str
    document: bytes
    texts: Mapping[str, str | None]


def contents(store: Database, wanted: ParkedFilter) -> Iterator[Sequence[Content]]:
    """Those of all that meet a filter, some megabytes at a time, in no order."""
    columns = [PARKED.c[name] for name in ("parked_id", "state", "document", *TEXTS)]
    last = ""
    while page := _sizes(store, wanted, last):
        for ids in _by_size(page):
            with store.single() as connection:
                rows = connection.execute(select(*columns).where(PARKED.c.parked_id.in_(ids))).all()
            yield [
                Content(parked_id=parked_id, state=state, document=document, texts=dict(zip(TEXTS, texts, strict=True)))
                for parked_id, state, document, *texts in rows
            ]
        last = page[-1][0]


def _sizes(store: Database, wanted: ParkedFilter, after: str) -> Sequence[tuple[str, int]]:
    query = select(PARKED.c.parked_id, func.length(PARKED.c.document)).where(*conditions_of(wanted))
    query = query.where(PARKED.c.parked_id > after).order_by(PARKED.c.parked_id).limit(CHUNK)
    with store.single() as connection:
        return [(parked_id, size) for parked_id, size in connection.execute(query)]


def _by_size(sizes: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    """Ids in groups whose documents are some megabytes."""
    group: list[str] = []
    total = 0
    for parked_id, size in sizes:
        if group and total + size > _READ_BYTES:
            yield group
            group, total = [], 0
        group.append(parked_id)
        total += size
    if group:
        yield group


def change_contents(store: Database, changes: Sequence[Content], now: datetime) -> None:
    """Write contents; what is parked may become dropped, what was replayed or dropped meanwhile keeps its state."""
    if not changes:
        return
    rows = [
        {"changed": change.parked_id, "new_document": change.document, "new_state": change.state} | dict(change.texts)
        for change in sorted(changes, key=lambda change: change.parked_id)
    ]
    drops = and_(PARKED.c.state == ParkedState.PARKED, bindparam("new_state") == ParkedState.DROPPED.value)
    statement = (
        update(PARKED)
        .where(PARKED.c.parked_id == bindparam("changed"))
        .values(
            document=bindparam("new_document"),
            state=case((drops, ParkedState.DROPPED.value), else_=PARKED.c.state),
            state_changed_at=case((drops, now), else_=PARKED.c.state_changed_at),
            **{name: bindparam(name) for name in TEXTS},
        )
    )
    with transaction(store.engine) as connection:
        connection.execute(statement, rows)
