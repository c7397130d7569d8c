"""The sender types that each country accepts, worked out once for all requests until a rule begins or ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from core.encoding import encode_json
from core.engine.country_rules import AllowedType, RuleBook
from core.sender import Product


@dataclass(frozen=True, slots=True)
class _Computed:
    """The documents of one book and product; `until` is None where they hold until the book changes."""

    book: RuleBook
    since: datetime
    until: datetime | None
    by_country: dict[str, msgspec.Raw]

    def good(self, book: RuleBook, now: datetime) -> bool:
        return self.book is book and self.since <= now and (self.until is None or now < self.until)


class CompliantList:
    """The list of `compliant-sender-types`; safe to share between threads."""

    def __init__(self, rules: Callable[[], RuleBook], clock: Callable[[], datetime]) -> None:
        self._rules, self._clock = rules, clock
        self._worked: dict[Product, _Computed] = {}

    def knows(self, country: str) -> bool:
        """Whether the rules speak of the country."""
        return self._rules().knows(country)

    def documents(self, product: Product, countries: Iterable[str] | None) -> list[msgspec.Raw]:
        """One JSON document for each of the countries, or for all in alphabetical order."""
        book, now = self._rules(), self._clock()
        worked = self._worked.get(product)
        if worked is None or not worked.good(book, now):
            worked = self._worked[product] = _work(book, product, now)
        wanted = worked.by_country if countries is None else countries
        return [worked.by_country.get(each) or _document(book, each, product, now) for each in wanted]


def _work(book: RuleBook, product: Product, now: datetime) -> _Computed:
    boundaries = [
        boundary for country in book.countries() if (boundary := book.next_boundary(country, now)) is not None
    ]
    by_country = {country: _document(book, country, product, now) for country in book.countries()}
    return _Computed(book, now, min(boundaries, default=None), by_country)


def _document(book: RuleBook, country: str, product: Product, now: datetime) -> msgspec.Raw:
    types = book.compliant_types(country, product, now)
    document = {
        "recipient_country_code": country,
        "blocked_sender_types": [sender_type.value for sender_type in types.blocked],
        "allowed_sender_types": [_allowed(allowed) for allowed in types.allowed],
    }
    return msgspec.Raw(encode_json(document))


def _allowed(allowed: AllowedType) -> dict[str, Any]:
    countries = {"global": allowed.is_global, "country_codes": list(allowed.country_codes)}
    return {"sender_type": allowed.sender_type.value, "allowed_sender_countries": countries}
