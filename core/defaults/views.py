"""Which default senders an account may see, and which of them it may change.

An account sees its own and its sub-accounts', and may change both. A sub-account sees its own, which it may change,
and those of its account that count for it because it has none of its own there; never a sibling's.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select

from core.accounts.accounts import Account
from core.defaults.pages import DefaultPage, PageRequest
from core.defaults.rows import StoredDefault, defaults_query, read_defaults, stored_defaults
from core.engine.decision import DefaultStatus
from core.errors import ForbiddenError, NotFoundError
from core.storage.database import Database
from core.storage.statements import any_of
from core.storage.tables import ACCOUNTS, DEFAULT_SENDERS


class DefaultViews:
    """The default senders of a database as one account sees them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, viewer: Account, wanted: PageRequest) -> DefaultPage:
        """One page of all that the account sees; two statements at the most, however long the list."""
        with self._database.single() as connection:
            query = defaults_query(_listed(connection, viewer), *wanted.behind())
            rows = connection.execute(query.order_by(*wanted.order()).limit(wanted.per_page + 1))
            return wanted.page_of(stored_defaults(rows))

    def get(self, viewer: Account, default_id: UUID) -> StoredDefault:
        """Raises NotFoundError for what does not exist and for what the account does not see, in the same words."""
        with self._database.single() as connection:
            found = read_defaults(connection, DEFAULT_SENDERS.c.id == default_id, _visible(viewer))
        if not found:
            raise NotFoundError(f"there is no default sender {default_id}")
        return found[0]

    def get_own(self, viewer: Account, default_id: UUID) -> StoredDefault:
        """One that the account may change. Raises NotFoundError, and ForbiddenError for an inherited one."""
        found = self.get(viewer, default_id)
        if viewer.parent_user_id is not None and found.account_ref != viewer.user_id:
            raise ForbiddenError(f"default sender {default_id} is inherited from the account above: read only")
        return found


def _listed(connection: Connection, viewer: Account) -> ColumnElement[bool]:
    """The same as `_visible`, in a form that the indexes on the holder serve."""
    if viewer.parent_user_id is not None:
        return _visible(viewer)
    children = connection.scalars(select(ACCOUNTS.c.user_id).where(ACCOUNTS.c.parent_ref == viewer.user_id)).all()
    if not children:
        return DEFAULT_SENDERS.c.account_ref == viewer.user_id
    return any_of(connection, DEFAULT_SENDERS.c.account_ref, [viewer.user_id, *children])


def _visible(viewer: Account) -> ColumnElement[bool]:
    own = DEFAULT_SENDERS.c.account_ref == viewer.user_id
    if viewer.parent_user_id is None:
        return or_(own, ACCOUNTS.c.parent_ref == viewer.user_id)
    nearer = DEFAULT_SENDERS.alias()
    overridden = exists().where(
        nearer.c.account_ref == viewer.user_id,
        nearer.c.country == DEFAULT_SENDERS.c.country,
        nearer.c.product == DEFAULT_SENDERS.c.product,
        nearer.c.status == DefaultStatus.ENABLED,
    )
    inherited = and_(
        DEFAULT_SENDERS.c.account_ref == viewer.parent_user_id,
        DEFAULT_SENDERS.c.status == DefaultStatus.ENABLED,
        ~overridden,
    )
    return or_(own, inherited)
