"""The tables: what is kept in SQL, and which indexes serve the queries. Rows never leave the store modules.

They are SQLAlchemy's typed tables: `ACCOUNTS.c.user_id` is a column. Its ORM is not used: no row lives on as an object
here, and every command would spend time on loading it.

Every time is aware UTC. `account_ref` is `accounts.user_id`; a NULL there is the platform pool.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Named,
    String,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    Uuid,
    false,
    text,
)
from sqlalchemy.types import TypeDecorator

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

METADATA = MetaData(naming_convention=_NAMING)

#: A number that the database gives, and what refers to one. SQLite gives them only to a column of type INTEGER.
_SERIAL = BigInteger().with_variant(Integer, "sqlite")


class Utc(TypeDecorator[datetime]):
    """A moment in UTC with microseconds; refuses naive values, which would be read differently by each database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuses a naive moment with ValueError."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """SQLite returns naive moments, which were stored as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class AccountColumns(TypedColumns):
    """An account or sub-account. `user_id` is its number in the HTTP API; both kinds draw from one sequence.

    `spread`, `area_codes` NULL: as the account above, or off.
    """

    user_id: Named[int] = Column(_SERIAL, primary_key=True)
    account_id: Named[str] = Column(String(64), unique=True)
    name: Named[str | None] = Column(Text)
    parent_ref: Named[int | None] = Column(_SERIAL, ForeignKey("accounts.user_id"), index=True)
    may_borrow: Named[bool]
    status: Named[str] = Column(String(16))
    created_at: Named[datetime] = Column(Utc)
    spread: Named[bool | None]
    area_codes: Named[bool | None]


ACCOUNTS = Table("accounts", METADATA, AccountColumns, sqlite_autoincrement=True)


class ApiKeyColumns(TypedColumns):
    """An API key; only its salted hash is kept. `prefix` is what a list may show, `last_used_at` is right to the hour."""

    id: Named[int] = Column(_SERIAL, primary_key=True)
    account_ref: Named[int] = Column(_SERIAL, ForeignKey("accounts.user_id"), index=True)
    prefix: Named[str] = Column(String(16))
    salt: Named[bytes] = Column(LargeBinary)
    digest: Named[bytes] = Column(LargeBinary)
    created_at: Named[datetime] = Column(Utc)
    revoked_at: Named[datetime | None] = Column(Utc)
    name: Named[str | None] = Column(Text)
    expires_at: Named[datetime | None] = Column(Utc)
    last_used_at: Named[datetime | None] = Column(Utc)


API_KEYS = Table("api_keys", METADATA, ApiKeyColumns)


class SenderColumns(TypedColumns):
    """A Sender ID of an account or of the pool.

    `identity` is owner, type and normalised Sender ID in one text: one column can be unique where the owner is NULL,
    and one IN list finds a thousand senders by one index.
    """

    id: Named[int] = Column(_SERIAL, primary_key=True)
    identity: Named[str] = Column(String(64), unique=True)
    account_ref: Named[int | None] = Column(_SERIAL, ForeignKey("accounts.user_id"))
    sender_id: Named[str | None] = Column(String(16))
    sender_type: Named[str] = Column(String(16))
    country: Named[str | None] = Column(String(2))
    status: Named[str] = Column(String(16))
    purchased_at: Named[datetime | None] = Column(Utc)
    activated_at: Named[datetime | None] = Column(Utc)
    expires_at: Named[datetime | None] = Column(Utc)
    trust: Named[int]
    two_way: Named[bool]
    mms: Named[bool]
    messages_per_second: Named[float | None] = Column(Float)
    traffic_classes: Named[str | None] = Column(String(64))


SENDERS = Table("senders", METADATA, SenderColumns, Index(None, "account_ref", "id"))


class RegistrationColumns(TypedColumns):
    """A sender's standing in one recipient country."""

    sender_ref: Named[int] = Column(_SERIAL, ForeignKey("senders.id", ondelete="CASCADE"), primary_key=True)
    country: Named[str] = Column(String(2), primary_key=True)
    status: Named[str] = Column(String(16))
    valid_from: Named[datetime | None] = Column(Utc)
    valid_until: Named[datetime | None] = Column(Utc)


REGISTRATIONS = Table("registrations", METADATA, RegistrationColumns)


class DefaultColumns(TypedColumns):
    """The default sender of one account, country and product; `origin` tells a person's choice from an assigned one."""

    id: Named[UUID] = Column(Uuid, primary_key=True)
    account_ref: Named[int] = Column(_SERIAL, ForeignKey("accounts.user_id"))
    country: Named[str] = Column(String(2))
    product: Named[str] = Column(String(8))
    status: Named[str] = Column(String(16))
    origin: Named[str] = Column(String(16))
    created_timestamp: Named[datetime] = Column(Utc)
    updated_timestamp: Named[datetime] = Column(Utc)
    spread: Named[bool] = Column(default=False, server_default=false())


DEFAULT_SENDERS = Table(
    "default_senders",
    METADATA,
    DefaultColumns,
    UniqueConstraint("account_ref", "country", "product"),
    Index(None, "account_ref", "created_timestamp", "id"),
    Index(None, "account_ref", "updated_timestamp", "id"),
)


class StrategyColumns(TypedColumns):
    """One strategy of a default sender; `position` runs from 0, the first is tried first."""

    default_ref: Named[UUID] = Column(ForeignKey("default_senders.id", ondelete="CASCADE"), primary_key=True)
    position: Named[int] = Column(primary_key=True, autoincrement=False)
    sender_type: Named[str] = Column(String(16))
    sender_id: Named[str | None] = Column(String(16))
    sender_country_code: Named[str | None] = Column(String(2))
    note: Named[str | None] = Column(String(200))
    status: Named[str] = Column(String(16))


STRATEGIES = Table("default_strategies", METADATA, StrategyColumns)


class DefaultHistoryColumns(TypedColumns):
    """Who changed which default when; `before` or `after` NULL: created or removed."""

    id: Named[int] = Column(_SERIAL, primary_key=True)
    account_ref: Named[int] = Column(_SERIAL, ForeignKey("accounts.user_id"))
    country: Named[str] = Column(String(2))
    product: Named[str] = Column(String(8))
    changed_at: Named[datetime] = Column(Utc)
    changed_by: Named[str] = Column(String(200))
    before: Named[dict[str, Any] | None] = Column(JSON(none_as_null=True))
    after: Named[dict[str, Any] | None] = Column(JSON(none_as_null=True))


DEFAULT_HISTORY = Table("default_history", METADATA, DefaultHistoryColumns, Index(None, "account_ref", "changed_at"))


class DefaultWarningColumns(TypedColumns):
    """A default at risk that was told of; the row goes when it is mended, so that a new break is told again.

    `sender` is type and bare Sender ID of the strategy in one text. `at_risk_from` NULL: already, since nobody knows.
    """

    default_ref: Named[UUID] = Column(ForeignKey("default_senders.id", ondelete="CASCADE"), primary_key=True)
    sender: Named[str] = Column(String(40), primary_key=True)
    reason: Named[str] = Column(String(40), primary_key=True)
    at_risk_from: Named[datetime | None] = Column(Utc)
    told_at: Named[datetime] = Column(Utc)


DEFAULT_WARNINGS = Table("default_warnings", METADATA, DefaultWarningColumns)


class DestinationColumns(TypedColumns):
    """Whether an account sends to a country; `country` '' is the rest of the world."""

    account_ref: Named[int] = Column(_SERIAL, ForeignKey("accounts.user_id"), primary_key=True, autoincrement=False)
    country: Named[str] = Column(String(2), primary_key=True)
    mode: Named[str] = Column(String(16))
    changed_at: Named[datetime] = Column(Utc)
    changed_by: Named[str] = Column(String(200))


DESTINATIONS = Table("destinations", METADATA, DestinationColumns)


class DestinationHistoryColumns(TypedColumns):
    """Who changed which destination when; `before` or `after` NULL: nothing was set."""

    id: Named[int] = Column(_SERIAL, primary_key=True)
    account_ref: Named[int] = Column(_SERIAL, ForeignKey("accounts.user_id"))
    country: Named[str] = Column(String(2))
    changed_at: Named[datetime] = Column(Utc)
    changed_by: Named[str] = Column(String(200))
    before: Named[str | None] = Column(String(16))
    after: Named[str | None] = Column(String(16))


DESTINATION_HISTORY = Table(
    "destination_history", METADATA, DestinationHistoryColumns, Index(None, "account_ref", "changed_at")
)


class RuleVersionColumns(TypedColumns):
    """A version of the country rules, whole: `document` is deflated JSON, so that a book is one row to read."""

    version: Named[str] = Column(String(100), primary_key=True)
    origin: Named[str] = Column(String(16))
    imported_at: Named[datetime] = Column(Utc)
    imported_by: Named[str] = Column(String(200))
    active: Named[bool]
    document: Named[bytes] = Column(LargeBinary)


RULE_VERSIONS = Table(
    "rule_versions",
    METADATA,
    RuleVersionColumns,
    Index(
        "uq_rule_versions_active",
        "active",
        unique=True,
        postgresql_where=text("active"),
        sqlite_where=text("active"),
    ),
)


class RuleOverrideColumns(TypedColumns):
    """A local correction of a country rule; it stays over later versions until it is removed."""

    id: Named[int] = Column(_SERIAL, primary_key=True)
    country: Named[str] = Column(String(2))
    sender_type: Named[str] = Column(String(16))
    sender_country: Named[str] = Column(String(16))
    status: Named[str] = Column(String(32))
    unregistered: Named[str] = Column(String(16))
    reason: Named[str] = Column(Text)
    until: Named[datetime | None] = Column(Utc)
    created_at: Named[datetime] = Column(Utc)
    created_by: Named[str] = Column(String(200))
    removed_at: Named[datetime | None] = Column(Utc)
    url_allowed: Named[str | None] = Column(String(16))
    shortener_allowed: Named[str | None] = Column(String(16))
    phone_allowed: Named[str | None] = Column(String(16))


RULE_OVERRIDES = Table("rule_overrides", METADATA, RuleOverrideColumns)


class PriceColumns(TypedColumns):
    """What a segment costs to a country by a sender type ('': by every one without a row of its own).

    `amount` is decimal text: neither database rounds it.
    """

    country: Named[str] = Column(String(2), primary_key=True)
    sender_type: Named[str] = Column(String(16), primary_key=True)
    amount: Named[str] = Column(String(32))
    currency: Named[str] = Column(String(3))
    imported_at: Named[datetime] = Column(Utc)
    imported_by: Named[str] = Column(String(200))


PRICES = Table("prices", METADATA, PriceColumns)


class DecisionColumns(TypedColumns):
    """A decision as it was explained when it was made: JSON text, and what it says of its owner."""

    decision_id: Named[str] = Column(String(64), primary_key=True)
    account_id: Named[str | None] = Column(String(64))
    subaccount_id: Named[str | None] = Column(String(64))
    country: Named[str | None] = Column(String(8))
    document: Named[str] = Column(Text)
    made_at: Named[datetime] = Column(Utc, index=True)


DECISIONS = Table("decisions", METADATA, DecisionColumns, Index(None, "account_id", "made_at"))


class ParkedColumns(TypedColumns):
    """A message or batch that could not be dispatched, whole, as it came in.

    The ids come from documents that nobody has checked, hence text without limits and no foreign keys.
    """

    parked_id: Named[str] = Column(Text, primary_key=True)
    reason: Named[str] = Column(String(64))
    detail: Named[str] = Column(Text)
    fields: Named[list[dict[str, str]] | None] = Column(JSON(none_as_null=True))
    message_id: Named[str | None] = Column(Text)
    campaign_id: Named[str | None] = Column(Text)
    batch_id: Named[str | None] = Column(Text)
    account_id: Named[str | None] = Column(Text)
    subaccount_id: Named[str | None] = Column(Text)
    country: Named[str | None] = Column(Text)
    lane: Named[str] = Column(String(200))
    document: Named[bytes] = Column(LargeBinary)
    parked_at: Named[datetime] = Column(Utc)
    state: Named[str] = Column(String(16))
    state_changed_at: Named[datetime] = Column(Utc)


PARKED = Table(
    "parked",
    METADATA,
    ParkedColumns,
    Index(None, "state", "parked_at", "parked_id"),
    Index(None, "reason", "state", "parked_at", "parked_id"),
    Index(None, "account_id", "state", "parked_at", "parked_id"),
    Index(None, "subaccount_id", "state", "parked_at", "parked_id"),
    Index(None, "campaign_id", "state", "parked_at", "parked_id"),
    Index(None, "country", "state", "parked_at", "parked_id"),
)


class ErasureColumns(TypedColumns):
    """An erasure of one recipient's data: who asked, in whose data (NULL: all), how much was erased; never whose number.

    `account_id` is what was asked for, which need not exist: hence no foreign key.
    """

    erasure_id: Named[str] = Column(String(64), primary_key=True)
    erased_at: Named[datetime] = Column(Utc, index=True)
    erased_by: Named[str] = Column(String(200))
    account_id: Named[str | None] = Column(Text)
    counts: Named[dict[str, int]] = Column(JSON)


ERASURES = Table("erasures", METADATA, ErasureColumns, Index(None, "account_id", "erased_at"))


class EpochColumns(TypedColumns):
    """A counter that grows with every write that decisions of its scope may depend on."""

    scope: Named[str] = Column(String(100), primary_key=True)
    value: Named[int] = Column(BigInteger)
    changed_at: Named[datetime] = Column(Utc, index=True)


EPOCHS = Table("epochs", METADATA, EpochColumns)
