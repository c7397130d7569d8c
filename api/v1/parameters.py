"""What routes of `/v1` take: pages, accounts, countries."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator

from core.countries import read_country
from core.cursors import place_of
from core.engine.country_rules import RuleBook
from core.errors import FieldError, RefusedError

MAX_PER_PAGE = 500

PerPage = Annotated[int, Query(ge=1, le=MAX_PER_PAGE)]
AccountId = Annotated[str | None, Query(description="a sub-account; left out: the account that asks")]
Country = Annotated[str | None, Query(description="ISO 3166-1 alpha-2; UK is read as GB", examples=["AU"])]


def refused(field: str, words: str) -> RefusedError:
    """One field that is to blame."""
    return RefusedError(f"{field} {words}", [FieldError(field, words)])


def known_country(book: RuleBook, code: str, field: str = "country") -> str:
    """The code in capitals. Raises RefusedError for one of which the rules do not speak."""
    try:
        return read_country(code, book)
    except ValueError as error:
        raise refused(field, str(error)) from None


#: The place that it stands for, read.
Offset = Annotated[
    Annotated[str, AfterValidator(place_of)] | None, Query(description="`next_offset` of the page before")
]
