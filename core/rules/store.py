"""Versions of the country rules and the local corrections over them."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, text, update

from core.countries import country_error
from core.engine.country_profile import CONTENT_FIELDS, Permission
from core.engine.country_rules import CountryRule, Grade, RuleBook, RuleStatus, SenderOrigin
from core.errors import ConflictError, FieldError, NotFoundError, RefusedError
from core.rules.documents import book_as_dict, book_from_dict, version_date, with_others
from core.rules.shipped import shipped_countries, shipped_rules
from core.sender import SenderType
from core.storage.database import Database
from core.storage.scopes import RULES_SCOPE
from core.storage.tables import RULE_OVERRIDES, RULE_VERSIONS


class RuleOrigin(StrEnum):
    """Who brought a version: the program itself, or an operator, whose choice the program never replaces."""

    SHIPPED = "shipped"
    OPERATOR = "operator"


#: `imported_by` of the shipped rules.
PROGRAM = "smart-assign"

#: Any number, as long as nobody else takes the same advisory lock.
_RULES_LOCK = 0x5A4D_A552


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """One version of the rules that the database holds."""

    version: str
    origin: str
    imported_at: datetime
    imported_by: str
    active: bool


@dataclass(frozen=True, slots=True)
class RuleOverride:
    """A local correction; `removed_at` is None while it stands, though its rule may have ended by itself."""

    override_id: int
    rule: CountryRule
    created_at: datetime
    created_by: str
    removed_at: datetime | None


class RuleStore(Database):
    """Keeps rule versions, of which one is active, and overrides, which outlive versions."""

    def active_rules(self) -> RuleBook:
        """The active version with the overrides that stand, in two statements. Raises NotFoundError: none yet."""
        with self.single() as connection:
            document = _active_document(connection)
            overrides = connection.execute(_overrides().where(RULE_OVERRIDES.c.removed_at.is_(None))).all()
        if document is None:
            raise NotFoundError("the database holds no country rules yet")
        return _unpacked(document).with_overrides(_override(row).rule for row in overrides)

    def rule_versions(self) -> list[RuleVersion]:
        """All versions, the newest import first."""
        columns = (
            RULE_VERSIONS.c.version,
            RULE_VERSIONS.c.origin,
            RULE_VERSIONS.c.imported_at,
            RULE_VERSIONS.c.imported_by,
            RULE_VERSIONS.c.active,
        )
        order = (RULE_VERSIONS.c.imported_at.desc(), RULE_VERSIONS.c.version)
        with self.single() as connection:
            return [RuleVersion(*row) for row in connection.execute(select(*columns).order_by(*order))]

    def import_rules(self, book: RuleBook, by: str, *, keep_others: bool = False) -> bool:
        """Makes an operator's book the active one; False: it was so already.

        With `keep_others` countries that the book leaves out keep the rules that they have. Overrides in the book are
        left out, they are kept apart. Raises ConflictError where the version is known with other rules.
        """
        with self.writing() as write:
            _lock(write.connection)
            active = _active(write.connection)
            held = _known(write.connection, active.version) if keep_others and active is not None else None
            bare = book.with_overrides(()) if held is None else with_others(book, _unpacked(held))
            _add(write.connection, bare, RuleOrigin.OPERATOR, by, self.clock())
            if active is not None and (active.version, active.origin) == (bare.version, RuleOrigin.OPERATOR):
                return False
            _activate(write.connection, bare.version, RuleOrigin.OPERATOR)
            if active is None or active.version != bare.version:
                write.touch(RULES_SCOPE)
            return True

    def ensure_rules(self) -> str:
        """Installs the shipped rules where the database has none or older shipped ones; the version then active.

        A version that an operator imported stays. So does a shipped one where this program's was active before or is
        dated earlier: during a rolling update the old programs must not bring back the old rules.
        """
        book = shipped_rules()
        with self.writing() as write:
            _lock(write.connection)
            active = _active(write.connection)
            if active is not None and not _replaces(write.connection, book, active):
                return str(active.version)
            _add(write.connection, book, RuleOrigin.SHIPPED, PROGRAM, self.clock())
            _activate(write.connection, book.version, RuleOrigin.SHIPPED)
            write.touch(RULES_SCOPE)
            return book.version

    def overrides(self, *, removed: bool = False) -> list[RuleOverride]:
        """The overrides that stand, oldest first; with `removed` those taken back too."""
        query = _overrides() if removed else _overrides().where(RULE_OVERRIDES.c.removed_at.is_(None))
        with self.single() as connection:
            return [_override(row) for row in connection.execute(query)]

    def add_override(self, rule: CountryRule, by: str) -> RuleOverride:
        """Adds a correction; of two for the same senders the later counts.

        `override_reason` is required, `effective_until` is its end, and `effective_from` and the sources stay unset.
        Raises RefusedError.
        """
        if not (rule.override_reason or "").strip():
            raise RefusedError("an override needs a reason")
        if words := country_error(rule.country, shipped_countries()):
            raise RefusedError(f"the override is refused: {words}", [FieldError("country", words)])
        values = _override_values(rule) | {"created_at": self.clock(), "created_by": by}
        with self.writing() as write:
            inserted = insert(RULE_OVERRIDES).values(values).returning(*RULE_OVERRIDES.c)
            row = write.connection.execute(inserted).one()
            write.touch(RULES_SCOPE)
        return _override(row)

    def remove_override(self, override_id: int) -> RuleOverride:
        """Takes a correction back. Raises NotFoundError where it does not stand."""
        standing = (RULE_OVERRIDES.c.id == override_id) & RULE_OVERRIDES.c.removed_at.is_(None)
        with self.writing() as write:
            change = update(RULE_OVERRIDES).where(standing).values(removed_at=self.clock())
            row = write.connection.execute(change.returning(*RULE_OVERRIDES.c)).one_or_none()
            if row is None:
                raise NotFoundError(f"there is no override {override_id}")
            write.touch(RULES_SCOPE)
        return _override(row)


def rules_in_use(connection: Connection) -> RuleBook:
    """The active version without overrides, for what they do not change; the shipped one where there is none yet."""
    document = _active_document(connection)
    return shipped_rules() if document is None else _unpacked(document)


def _active_document(connection: Connection) -> bytes | None:
    return connection.scalar(select(RULE_VERSIONS.c.document).where(RULE_VERSIONS.c.active))


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _RULES_LOCK})


def _active(connection: Connection) -> Row[str, str] | None:
    query = select(RULE_VERSIONS.c.version, RULE_VERSIONS.c.origin).where(RULE_VERSIONS.c.active)
    return connection.execute(query).one_or_none()


def _known(connection: Connection, version: str) -> bytes | None:
    return connection.scalar(select(RULE_VERSIONS.c.document).where(RULE_VERSIONS.c.version == version))


def _replaces(connection: Connection, book: RuleBook, active: Row[str, str]) -> bool:
    newer = version_date(book.version) >= version_date(active.version)
    return active.origin == RuleOrigin.SHIPPED and newer and _known(connection, book.version) is None


def _add(connection: Connection, book: RuleBook, origin: str, by: str, now: datetime) -> None:
    document = _packed(book)
    known = _known(connection, book.version)
    if known is None:
        row = {"version": book.version, "origin": origin, "imported_at": now, "imported_by": by}
        connection.execute(insert(RULE_VERSIONS).values(**row, active=False, document=document))
    elif zlib.decompress(known) != zlib.decompress(document):
        raise ConflictError(f"version {book.version!r} is known with other rules")


def _activate(connection: Connection, version: str, origin: str) -> None:
    connection.execute(update(RULE_VERSIONS).where(RULE_VERSIONS.c.active).values(active=False))
    chosen = update(RULE_VERSIONS).where(RULE_VERSIONS.c.version == version)
    connection.execute(chosen.values(active=True, origin=origin))


def _packed(book: RuleBook) -> bytes:
    return zlib.compress(json.dumps(book_as_dict(book), separators=(",", ":")).encode())


def _unpacked(document: bytes) -> RuleBook:
    return book_from_dict(json.loads(zlib.decompress(document)))


def _overrides() -> Select[*tuple[Any, ...]]:
    return select(*RULE_OVERRIDES.c).order_by(RULE_OVERRIDES.c.id)


def _override(row: Row[*tuple[Any, ...]]) -> RuleOverride:
    content: dict[str, Any] = {
        name: getattr(row, name) and Permission(getattr(row, name)) for name in CONTENT_FIELDS.values()
    }
    rule = CountryRule(
        country=row.country,
        sender_type=SenderType(row.sender_type),
        sender_country=SenderOrigin(row.sender_country),
        status=RuleStatus(row.status),
        effective_until=row.until,
        unregistered=Grade(row.unregistered),
        sources=("override",),
        as_of=row.created_at.date().isoformat(),
        override_reason=row.reason,
        **content,
    )
    return RuleOverride(row.id, rule, row.created_at, row.created_by, row.removed_at)


def _override_values(rule: CountryRule) -> dict[str, Any]:
    return {
        "country": rule.country,
        "sender_type": rule.sender_type.value,
        "sender_country": rule.sender_country.value,
        "status": rule.status.value,
        "unregistered": rule.unregistered.value,
        "reason": rule.override_reason,
        "until": rule.effective_until,
        **{name: getattr(rule, name) for name in CONTENT_FIELDS.values()},
    }
