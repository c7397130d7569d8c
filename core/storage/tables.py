"""The mapped classes: what is kept in SQL, and which indexes serve the queries. Rows never leave the store modules.

Every time is aware UTC. `account_ref` is `accounts.user_id`; a NULL there is the platform pool.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

#: SQLite gives numbers of its own only to a column of type INTEGER.
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


class Base(DeclarativeBase):
    """Root of the mapped classes."""

    metadata = MetaData(naming_convention=NAMING)


class AccountRow(Base):
    """An account or sub-account. `user_id` is its number in the HTTP API; both kinds draw from one sequence.

    `spread` NULL: as the account above, or off.
    """

    __tablename__ = "accounts"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy's own form

    user_id: Mapped[int] = mapped_column(_SERIAL, primary_key=True)
    account_id: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str | None] = mapped_column(Text)
    parent_ref: Mapped[int | None] = mapped_column(ForeignKey("accounts.user_id"), index=True)
    may_borrow: Mapped[bool]
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(Utc)
    spread: Mapped[bool | None]


class ApiKeyRow(Base):
    """An API key; only its salted hash is kept. `prefix` is what a list may show, `last_used_at` is right to the hour."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(_SERIAL, primary_key=True)
    account_ref: Mapped[int] = mapped_column(ForeignKey("accounts.user_id"), index=True)
    prefix: Mapped[str] = mapped_column(String(16))
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(Utc)
    revoked_at: Mapped[datetime | None] = mapped_column(Utc)
    name: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime | None] = mapped_column(Utc)
    last_used_at: Mapped[datetime | None] = mapped_column(Utc)


class SenderRow(Base):
    """A Sender ID of an account or of the pool.

    `identity` is owner, type and normalised Sender ID in one text: one column can be unique where the owner is NULL,
    and one IN list finds a thousand senders by one index.
    """

    __tablename__ = "senders"
    __table_args__ = (Index(None, "account_ref", "id"),)

    id: Mapped[int] = mapped_column(_SERIAL, primary_key=True)
    identity: Mapped[str] = mapped_column(String(64), unique=True)
    account_ref: Mapped[int | None] = mapped_column(ForeignKey("accounts.user_id"))
    sender_id: Mapped[str | None] = mapped_column(String(16))
    sender_type: Mapped[str] = mapped_column(String(16))
    country: Mapped[str | None] = mapped_column(String(2))
    status: Mapped[str] = mapped_column(String(16))
    purchased_at: Mapped[datetime | None] = mapped_column(Utc)
    activated_at: Mapped[datetime | None] = mapped_column(Utc)
    expires_at: Mapped[datetime | None] = mapped_column(Utc)
    trust: Mapped[int]
    two_way: Mapped[bool]
    mms: Mapped[bool]
    messages_per_second: Mapped[float | None] = mapped_column(Float)
    traffic_classes: Mapped[str | None] = mapped_column(String(64))


class RegistrationRow(Base):
    """A sender's standing in one recipient country."""

    __tablename__ = "registrations"

    sender_ref: Mapped[int] = mapped_column(ForeignKey("senders.id", ondelete="CASCADE"), primary_key=True)
    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    status: Mapped[str] = mapped_column(String(16))
    valid_from: Mapped[datetime | None] = mapped_column(Utc)
    valid_until: Mapped[datetime | None] = mapped_column(Utc)


class DefaultRow(Base):
    """The default sender of one account, country and product; `origin` tells a person's choice from an assigned one."""

    __tablename__ = "default_senders"
    __table_args__ = (
        UniqueConstraint("account_ref", "country", "product"),
        Index(None, "account_ref", "created_timestamp", "id"),
        Index(None, "account_ref", "updated_timestamp", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    account_ref: Mapped[int] = mapped_column(ForeignKey("accounts.user_id"))
    country: Mapped[str] = mapped_column(String(2))
    product: Mapped[str] = mapped_column(String(8))
    status: Mapped[str] = mapped_column(String(16))
    origin: Mapped[str] = mapped_column(String(16))
    created_timestamp: Mapped[datetime] = mapped_column(Utc)
    updated_timestamp: Mapped[datetime] = mapped_column(Utc)
    spread: Mapped[bool] = mapped_column(default=False, server_default=false())


class StrategyRow(Base):
    """One strategy of a default sender; `position` runs from 0, the first is tried first."""

    __tablename__ = "default_strategies"

    default_ref: Mapped[UUID] = mapped_column(ForeignKey("default_senders.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sender_type: Mapped[str] = mapped_column(String(16))
    sender_id: Mapped[str | None] = mapped_column(String(16))
    sender_country_code: Mapped[str | None] = mapped_column(String(2))
    note: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(16))


class DefaultHistoryRow(Base):
    """Who changed which default when; `before` or `after` NULL: created or removed."""

    __tablename__ = "default_history"
    __table_args__ = (Index(None, "account_ref", "changed_at"),)

    id: Mapped[int] = mapped_column(_SERIAL, primary_key=True)
    account_ref: Mapped[int] = mapped_column(ForeignKey("accounts.user_id"))
    country: Mapped[str] = mapped_column(String(2))
    product: Mapped[str] = mapped_column(String(8))
    changed_at: Mapped[datetime] = mapped_column(Utc)
    changed_by: Mapped[str] = mapped_column(String(200))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class DefaultWarningRow(Base):
    """A default at risk that was told of; the row goes when it is mended, so that a new break is told again.

    `sender` is type and bare Sender ID of the strategy in one text. `at_risk_from` NULL: already, since nobody knows.
    """

    __tablename__ = "default_warnings"

    default_ref: Mapped[UUID] = mapped_column(ForeignKey("default_senders.id", ondelete="CASCADE"), primary_key=True)
    sender: Mapped[str] = mapped_column(String(40), primary_key=True)
    reason: Mapped[str] = mapped_column(String(40), primary_key=True)
    at_risk_from: Mapped[datetime | None] = mapped_column(Utc)
    told_at: Mapped[datetime] = mapped_column(Utc)


class RuleVersionRow(Base):
    """A version of the country rules, whole: `document` is deflated JSON, so that a book is one row to read."""

    __tablename__ = "rule_versions"
    __table_args__ = (
        Index(
            "uq_rule_versions_active",
            "active",
            unique=True,
            postgresql_where=text("active"),
            sqlite_where=text("active"),
        ),
    )

    version: Mapped[str] = mapped_column(String(100), primary_key=True)
    origin: Mapped[str] = mapped_column(String(16))
    imported_at: Mapped[datetime] = mapped_column(Utc)
    imported_by: Mapped[str] = mapped_column(String(200))
    active: Mapped[bool]
    document: Mapped[bytes] = mapped_column(LargeBinary)


class RuleOverrideRow(Base):
    """A local correction of a country rule; it stays over later versions until it is removed."""

    __tablename__ = "rule_overrides"

    id: Mapped[int] = mapped_column(_SERIAL, primary_key=True)
    country: Mapped[str] = mapped_column(String(2))
    sender_type: Mapped[str] = mapped_column(String(16))
    sender_country: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(32))
    unregistered: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime | None] = mapped_column(Utc)
    created_at: Mapped[datetime] = mapped_column(Utc)
    created_by: Mapped[str] = mapped_column(String(200))
    removed_at: Mapped[datetime | None] = mapped_column(Utc)


class DecisionRow(Base):
    """A decision as it was explained when it was made: JSON text, and what it says of its owner."""

    __tablename__ = "decisions"
    __table_args__ = (Index(None, "account_id", "made_at"),)

    decision_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str | None] = mapped_column(String(64))
    subaccount_id: Mapped[str | None] = mapped_column(String(64))
    country: Mapped[str | None] = mapped_column(String(8))
    document: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(Utc, index=True)


class ParkedRow(Base):
    """A message or batch that could not be dispatched, whole, as it came in.

    The ids come from documents that nobody has checked, hence text without limits and no foreign keys.
    """

    __tablename__ = "parked"
    __table_args__ = (
        Index(None, "state", "parked_at", "parked_id"),
        Index(None, "reason", "state", "parked_at", "parked_id"),
        Index(None, "account_id", "state", "parked_at", "parked_id"),
        Index(None, "subaccount_id", "state", "parked_at", "parked_id"),
        Index(None, "campaign_id", "state", "parked_at", "parked_id"),
        Index(None, "country", "state", "parked_at", "parked_id"),
    )

    parked_id: Mapped[str] = mapped_column(Text, primary_key=True)
    reason: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(Text)
    fields: Mapped[list[dict[str, str]] | None] = mapped_column(JSON(none_as_null=True))
    message_id: Mapped[str | None] = mapped_column(Text)
    campaign_id: Mapped[str | None] = mapped_column(Text)
    batch_id: Mapped[str | None] = mapped_column(Text)
    account_id: Mapped[str | None] = mapped_column(Text)
    subaccount_id: Mapped[str | None] = mapped_column(Text)
    country: Mapped[str | None] = mapped_column(Text)
    lane: Mapped[str] = mapped_column(String(200))
    document: Mapped[bytes] = mapped_column(LargeBinary)
    parked_at: Mapped[datetime] = mapped_column(Utc)
    state: Mapped[str] = mapped_column(String(16))
    state_changed_at: Mapped[datetime] = mapped_column(Utc)


class ErasureRow(Base):
    """An erasure of one recipient's data: who asked, in whose data (NULL: all), how much was erased; never whose number.

    `account_id` is what was asked for, which need not exist: hence no foreign key.
    """

    __tablename__ = "erasures"
    __table_args__ = (Index(None, "account_id", "erased_at"),)

    erasure_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(Utc, index=True)
    erased_by: Mapped[str] = mapped_column(String(200))
    account_id: Mapped[str | None] = mapped_column(Text)
    counts: Mapped[dict[str, int]] = mapped_column(JSON)


class EpochRow(Base):
    """A counter that grows with every write that decisions of its scope may depend on."""

    __tablename__ = "epochs"

    scope: Mapped[str] = mapped_column(String(100), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[datetime] = mapped_column(Utc, index=True)
