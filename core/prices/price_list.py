"""A price list: what a segment costs to a country by a type of sender."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from core.sender import SenderType


class Price(NamedTuple):
    """Of one segment; `currency` is an ISO 4217 code."""

    amount: Decimal
    currency: str


class PriceLine(NamedTuple):
    """A line of the list; `sender_type` None: every type of the country that has no line of its own."""

    country: str
    sender_type: SenderType | None
    price: Price


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices by country and sender type."""

    prices: Mapping[tuple[str, SenderType | None], Price] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: Iterable[PriceLine]) -> PriceList:
        """The list of these lines."""
        return cls({(line.country, line.sender_type): line.price for line in lines})

    def price(self, country: str, sender_type: SenderType) -> Price | None:
        """What a segment costs; None: the list does not say."""
        return self.prices.get((country, sender_type)) or self.prices.get((country, None))


NO_PRICES = PriceList()
