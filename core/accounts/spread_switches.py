"""Whether recipients are spread over equal senders: for an account's smart choice, or for one of its defaults."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, select, update

from core.accounts.accounts import account_row
from core.errors import NotFoundError
from core.sender import Product
from core.storage.database import Database
from core.storage.tables import AccountRow, DefaultRow


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
        spread = select(DefaultRow.country, DefaultRow.product).where(DefaultRow.spread)
        with self._database.single() as connection:
            account = account_row(connection, account_id)
            query = select(AccountRow.spread).where(AccountRow.user_id == account.user_id)
            own = connection.execute(query).scalar_one()
            rows = connection.execute(
                spread.where(DefaultRow.account_ref == account.user_id).order_by(DefaultRow.country, DefaultRow.product)
            )
            return Switches(own, tuple((row.country, Product(row.product)) for row in rows))

    def set_account(self, account_id: str, spread: bool | None) -> None:
        """For what Smart Assign decides; None: as the account above has it. Raises NotFoundError."""
        with self._database.writing() as write:
            account = account_row(write.connection, account_id)
            change = update(AccountRow).where(AccountRow.user_id == account.user_id)
            write.connection.execute(change.values(spread=spread))
            write.touch_account(account.user_id)

    def set_default(self, account_id: str, country: str, product: Product, spread: bool) -> None:
        """For one default, over its strategies. Raises NotFoundError."""
        with self._database.writing() as write:
            account = account_row(write.connection, account_id)
            meant = and_(
                DefaultRow.account_ref == account.user_id,
                DefaultRow.country == country,
                DefaultRow.product == product.value,
            )
            if write.connection.execute(update(DefaultRow).where(meant).values(spread=spread)).rowcount == 0:
                raise NotFoundError(f"account {account_id!r} has no default for {country} and {product}")
            write.touch_account(account.user_id)
