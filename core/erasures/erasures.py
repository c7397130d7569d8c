"""Erases what is kept of one recipient, and keeps an account of it that says how much, and never whom."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, select

from core.erasures.traces import without
from core.errors import FieldError, RefusedError
from core.parked.contents import Content, change_contents, contents
from core.parked.store import ParkedFilter, ParkedState
from core.phone import InvalidRecipientError, NumberSearch, parse_recipient
from core.storage.database import Database
from core.storage.tables import ERASURES

#: What is counted: documents looked at; removed whole; recipients taken out of batches that stay; ids that held the number;
#: documents that could not be looked into.
COUNTS = ("searched", "documents", "recipients", "ids", "unread")

_ERASED_DETAIL = "erased"


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure: who asked for it, in which account's data (None: all), and what was erased, as counts."""

    erasure_id: str
    erased_at: datetime
    erased_by: str
    account_id: str | None
    counts: dict[str, int]


def asked_number(text: str, country: str | None = None) -> str:
    """The number that is to be erased, in E.164. Raises RefusedError, which does not hold it."""
    try:
        return parse_recipient(text, country).e164
    except InvalidRecipientError as error:
        raise RefusedError(f"to {error.reason}", [FieldError("to", error.reason)]) from None


class Erasures:
    """Erases, and lists what was erased."""

    def __init__(self, store: Database) -> None:
        self._store = store

    def erase(self, e164: str, within: Iterable[ParkedFilter], *, account_id: str | None, by: str) -> Erasure:
        """Remove a number from everything parked that meets one of the filters; what was replayed or dropped too.

        The account of it holds neither the number nor anything that could be worked back to it.
        """
        search, counts = NumberSearch(e164), Counter[str]()
        for wanted in within:
            for found in contents(self._store, wanted):
                changes = [change for each in found if (change := _change(each, search, counts)) is not None]
                change_contents(self._store, changes, self._store.clock())
        self._store.overwrite_erased()
        return self._recorded(account_id, by, {name: counts[name] for name in COUNTS})

    def _recorded(self, account_id: str | None, by: str, counts: dict[str, int]) -> Erasure:
        done = Erasure(f"era_{secrets.token_hex(12)}", self._store.clock(), by, account_id, counts)
        values = {name: getattr(done, name) for name in Erasure.__dataclass_fields__}
        with self._store.writing() as write:
            write.connection.execute(ERASURES.insert(), values)
        return done

    def listed(self, account_id: str | None = None, *, limit: int = 100) -> Sequence[Erasure]:
        """The newest first; with `account_id` those in its data alone."""
        query = select(*(ERASURES.c[name] for name in Erasure.__dataclass_fields__))
        if account_id is not None:
            query = query.where(ERASURES.c.account_id == account_id)
        with self._store.single() as connection:
            rows = connection.execute(query.order_by(ERASURES.c.erased_at.desc(), ERASURES.c.erasure_id).limit(limit))
            return [Erasure(*row) for row in rows]

    def forget(self, erased_before: datetime) -> int:
        """Deletes the accounts of erasures before a moment; how many there were."""
        with self._store.single() as connection:
            return connection.execute(delete(ERASURES).where(ERASURES.c.erased_at < erased_before)).rowcount


def _change(content: Content, search: NumberSearch, counts: Counter[str]) -> Content | None:
    """What is to stay of a parked document; None: all."""
    found = without(content.document, search)
    named = [name for name, text in content.texts.items() if text and search.is_in(text)]
    changed = found.document != content.document
    counts["searched"] += 1
    counts["documents"] += changed and not found.recipients
    counts["recipients"] += found.recipients
    counts["ids"] += len(named)
    counts["unread"] += not found.readable
    if not changed and not named:
        return None
    return replace(
        content,
        document=found.document,
        texts=dict(content.texts) | {name: _ERASED_DETAIL if name == "detail" else None for name in named},
        state=ParkedState.DROPPED.value if changed and not found.document else content.state,
    )
