"""Countries by their code: how one is written, whether there is one, and what is said where there is none.

Which countries there are is a question to a book of rules: to the shipped one for what people write in files and
options, which is kept whatever rules are in use, and to the rules in use for what is decided by them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from core.errors import FieldError, quoted


class KnowsCountries(Protocol):
    """What is asked which countries there are: a book of rules."""

    def knows(self, country: str) -> bool:
        """Whether it speaks of a country, by its code in capitals."""
        ...


def normal_country(code: str) -> str:
    """ISO 3166-1 alpha-2 in capitals, UK as GB; an unknown code comes back as it is."""
    capitals = code.strip().upper()
    return "GB" if capitals == "UK" else capitals


def no_country(code: str) -> str:
    """The words for a code of no country, wherever one is refused."""
    return f"there is no country {quoted(code)}; give an ISO 3166-1 alpha-2 code such as AU or GB"


def country_error(code: str, book: KnowsCountries) -> str | None:
    """What is wrong with a code in normal form, as a clause for people, or None."""
    return None if book.knows(code) else no_country(code)


def read_country(text: str, book: KnowsCountries) -> str:
    """The code in normal form of a text in any case. Raises ValueError for one of no country."""
    code = normal_country(text)
    if words := country_error(code, book):
        raise ValueError(words)
    return code


def country_errors(codes: Iterable[str], book: KnowsCountries, field: str) -> list[FieldError]:
    """The errors of a list of codes in normal form, each by its place: `field[2]`."""
    return [
        FieldError(f"{field}[{index}]", words)
        for index, code in enumerate(codes)
        if (words := country_error(code, book))
    ]
