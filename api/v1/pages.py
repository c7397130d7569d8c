"""A page of a list, and the text that asks for the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from core.cursors import as_cursor

_T = TypeVar("_T")


def page_of(
    found: Sequence[_T], per_page: int, document: Callable[[_T], object], place: Callable[[_T], str]
) -> dict[str, Any]:
    """The data of a page; `found` is one more than a page holds where another follows.

    `place` says of the last that the page shows where the next one begins; a list reads it with `core.cursors.place_of`.
    """
    listed = found[:per_page]
    following = as_cursor(place(listed[-1])) if len(found) > per_page else None
    return {"data": [document(each) for each in listed], "next_offset": following}
