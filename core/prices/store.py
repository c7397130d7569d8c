"""The price list in SQL: one for the deployment, replaced whole."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import delete, insert, select

from core.prices.price_list import Price, PriceLine, PriceList
from core.sender import SenderType
from core.storage.database import Database
from core.storage.tables import PRICES

#: Rows to a statement.
_CHUNK = 500
#: What stands for every sender type, for a column of a key cannot be NULL.
_EVERY_TYPE = ""


class Prices:
    """The price list of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(self, lines: Sequence[PriceLine], by: str) -> int:
        """Make these lines the whole list; how many of them are new or have another price than before."""
        before = self.price_list().prices
        values = [
            {
                "country": line.country,
                "sender_type": line.sender_type or _EVERY_TYPE,
                "amount": str(line.price.amount),
                "currency": line.price.currency,
                "imported_at": self._database.clock(),
                "imported_by": by,
            }
            for line in lines
        ]
        with self._database.writing() as write:
            write.connection.execute(delete(PRICES))
            for first in range(0, len(values), _CHUNK):
                write.connection.execute(insert(PRICES), values[first : first + _CHUNK])
        return sum(before.get((line.country, line.sender_type)) != line.price for line in lines)

    def lines(self) -> list[PriceLine]:
        """All prices, by country and sender type."""
        query = select(PRICES.c.country, PRICES.c.sender_type, PRICES.c.amount, PRICES.c.currency)
        with self._database.single() as connection:
            rows = connection.execute(query.order_by(PRICES.c.country, PRICES.c.sender_type)).all()
        return [
            PriceLine(country, SenderType(sender_type) if sender_type else None, Price(Decimal(amount), currency))
            for country, sender_type, amount, currency in rows
        ]

    def price_list(self) -> PriceList:
        """The list; an empty one where none was imported."""
        return PriceList.of(self.lines())
