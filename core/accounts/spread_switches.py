"""Whether recipients are spread over equal senders: for an account's smart choice, or for one of its defaults."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, select, update

from core.accounts.accounts import account_row
from core.errors import NotFoundError
from core.sender import Product
from core.storage.database import Database
from core.storage.tables import ACCOUNTS, DEFAULT_SENDERS


@dataclass(frozen=True, slots=True)
class Switches:
    """An account's switch, None: as the account above, or off; and the defaults that are spread."""

    account: bool | None
    defaults: tuple[tuple[str, Product], ...]


class SpreadSwitches:
    """The switches of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, account_id: str) -> Switches:
        """Raises NotFoundError."""
        spread = select(DEFAULT_SENDERS.c.country, DEFAULT_SENDERS.c.product).where(DEFAULT_SENDERS.c.spread)
        with self._database.single() as connection:
            account = account_row(connection, account_id)
            query = select(ACCOUNTS.c.spread).where(ACCOUNTS.c.user_id == account.user_id)
            own = connection.execute(query).scalar_one()
            rows = connection.execute(
                spread.where(DEFAULT_SENDERS.c.account_ref == account.user_id).order_by(
                    DEFAULT_SENDERS.c.country, DEFAULT_SENDERS.c.product
                )
            )
            return Switches(own, tuple((row.country, Product(row.product)) for row in rows))

    def set_account(self, account_id: str, spread: bool | None) -> None:
        """For what Smart Assign decides; None: as the account above has it. Raises NotFoundError."""
        with self._database.writing() as write:
            account = account_row(write.connection, account_id)
            change = update(ACCOUNTS).where(ACCOUNTS.c.user_id == account.user_id)
            write.connection.execute(change.values(spread=spread))
            write.touch_account(account.user_id)

    def area_codes(self, account_id: str) -> bool | None:
        """Whether recipients of calling code 1 get the nearest of equal senders; None: as above. Raises NotFoundError."""
        with self._database.single() as connection:
            account = account_row(connection, account_id)
            query = select(ACCOUNTS.c.area_codes).where(ACCOUNTS.c.user_id == account.user_id)
            return connection.execute(query).scalar_one()

    def set_area_codes(self, account_id: str, wanted: bool | None) -> None:
        """For what Smart Assign decides; None: as the account above has it. Raises NotFoundError."""
        with self._database.writing() as write:
            account = account_row(write.connection, account_id)
            change = update(ACCOUNTS).where(ACCOUNTS.c.user_id == account.user_id)
            write.connection.execute(change.values(area_codes=wanted))
            write.touch_account(account.user_id)

    def set_default(self, account_id: str, country: str, product: Product, spread: bool) -> None:
        """For one default, over its strategies. Raises NotFoundError."""
        with self._database.writing() as write:
            account = account_row(write.connection, account_id)
            meant = and_(
                DEFAULT_SENDERS.c.account_ref == account.user_id,
                DEFAULT_SENDERS.c.country == country,
                DEFAULT_SENDERS.c.product == product.value,
            )
            if write.connection.execute(update(DEFAULT_SENDERS).where(meant).values(spread=spread)).rowcount == 0:
                raise NotFoundError(f"account {account_id!r} has no default for {country} and {product}")
            write.touch_account(account.user_id)
