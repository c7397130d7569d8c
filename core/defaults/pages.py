"""Pages of default senders: sorted by one column and the id, so that a page begins exactly where the last one ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_

from core.cursors import NO_CURSOR, as_cursor, place_of
from core.defaults.rows import StoredDefault
from core.errors import FieldError, RefusedError
from core.storage.tables import DEFAULT_SENDERS

MAX_PER_PAGE = 500

#: What a list may be sorted by -> column, and the same of a default.
_SORTS: dict[str, tuple[Any, str]] = {
    "created_timestamp": (DEFAULT_SENDERS.c.created_timestamp, "created_timestamp"),
    "updated_timestamp": (DEFAULT_SENDERS.c.updated_timestamp, "updated_timestamp"),
    "country_code": (DEFAULT_SENDERS.c.country, "country"),
    "product_type": (DEFAULT_SENDERS.c.product, "product"),
}

#: The names of those.
SORT_COLUMNS = tuple(_SORTS)


@dataclass(frozen=True, slots=True)
class DefaultPage:
    """One page of a list; `next_cursor` is None on the last."""

    items: tuple[StoredDefault, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page: `cursor` is opaque, valid for the sort that it was made with. Raises RefusedError when it is made."""

    per_page: int = 10
    cursor: str | None = None
    sort_by: str = "created_timestamp"
    descending: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.per_page <= MAX_PER_PAGE:
            raise _refused("per_page", f"must be from 1 to {MAX_PER_PAGE}")
        if self.sort_by not in _SORTS:
            raise _refused("sort_by", f"must be one of: {', '.join(_SORTS)}")
        self._place()

    def order(self) -> tuple[Any, ...]:
        """The ORDER BY."""
        columns = (_SORTS[self.sort_by][0], DEFAULT_SENDERS.c.id)
        return tuple(column.desc() if self.descending else column.asc() for column in columns)

    def behind(self) -> list[ColumnElement[bool]]:
        """The condition that leaves out the pages before."""
        place = self._place()
        if place is None:
            return []
        column, (value, default_id) = _SORTS[self.sort_by][0], place
        if self.descending:
            return [or_(column < value, and_(column == value, DEFAULT_SENDERS.c.id < default_id))]
        return [or_(column > value, and_(column == value, DEFAULT_SENDERS.c.id > default_id))]

    def page_of(self, found: Sequence[StoredDefault]) -> DefaultPage:
        """The page out of what was found, which is one more than a page holds where another follows."""
        items = tuple(found[: self.per_page])
        return DefaultPage(items, self.cursor_after(items[-1]) if len(found) > self.per_page else None)

    def cursor_after(self, last: StoredDefault) -> str:
        """The cursor of the page that follows `last`."""
        value = getattr(last, _SORTS[self.sort_by][1])
        text = value.isoformat() if isinstance(value, datetime) else str(value)
        content = json.dumps([self.sort_by, self.descending, text, last.default_id.hex])
        return as_cursor(content)

    def _place(self) -> tuple[Any, UUID] | None:
        if self.cursor is None:
            return None
        try:
            sort_by, descending, text, default_id = _read(self.cursor)
        except ValueError as error:
            raise _refused("offset", str(error)) from None
        if (sort_by, descending) != (self.sort_by, self.descending):
            raise _refused("offset", "belongs to a list in another order")
        value = datetime.fromisoformat(text).astimezone(UTC) if sort_by.endswith("_timestamp") else text
        return value, default_id


def checked_cursor(cursor: str) -> str:
    """A cursor as it is. Raises ValueError where no list has returned such a one; its order is not looked at."""
    _read(cursor)
    return cursor


def _read(cursor: str) -> tuple[str, bool, str, UUID]:
    """The order that a cursor belongs to, and the place that it stands for. Raises ValueError."""
    try:
        sort_by, descending, text, default_id = json.loads(place_of(cursor))
        if sort_by.endswith("_timestamp"):
            datetime.fromisoformat(text).astimezone(UTC)
        else:
            _code(text)
        return sort_by, descending, text, UUID(default_id)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise ValueError(NO_CURSOR) from None


def _code(text: str) -> str:
    if not (text.isascii() and text.isalnum()):
        raise ValueError(text)
    return text


def _refused(name: str, words: str) -> RefusedError:
    return RefusedError(f"{name} {words}", [FieldError(name, words)])
