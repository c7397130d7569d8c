"""The senders of an account or of the platform pool: list, add, change, register."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, false, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from core.accounts.accounts import AccountOrId, account_row, resolved_account
from core.accounts.sender_rows import (
    REGISTRATION_COLUMNS,
    SENDER_COLUMNS,
    identity_of,
    registration_of,
    registration_values,
    sender_of,
    sender_values,
)
from core.countries import country_error
from core.encoding import storable
from core.engine.country_rules import RuleBook
from core.errors import ConflictError, FieldError, NotFoundError, RefusedError
from core.phone import country_of
from core.rules.shipped import shipped_countries
from core.rules.store import rules_in_use
from core.sender import NUMBER_TYPES, Registration, Sender, SenderStatus, SenderType, form_error
from core.sender_ids import SenderNames, kept_if_readable, number_error
from core.storage.database import Database, Write
from core.storage.statements import CHUNK, chunks, insert_into
from core.storage.tables import REGISTRATIONS, SENDERS

TRUST_MAX = 100

_DIGITS = "0123456789"
#: So many digits at the end are the same in every spelling of a number.
_TELLING_DIGITS = 4


@cache
def _senders() -> Select[*tuple[Any, ...]]:
    return select(SENDERS.c.id, *SENDER_COLUMNS)


@dataclass(frozen=True, slots=True)
class SenderPage:
    """Senders with all their registrations; `next_after` is None on the last page."""

    senders: tuple[Sender, ...]
    next_after: int | None


class Senders:
    """The sender inventory of a database; `account_id` None is the platform pool."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        account: AccountOrId | None,
        *,
        sender_type: SenderType | None = None,
        status: SenderStatus | None = None,
        country: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> SenderPage:
        """Senders in the order in which they were added; `account`: at hand, or its id; `after`: `next_after` of before.

        Raises NotFoundError where there is no such account.
        """
        wanted = {"sender_type": sender_type, "status": status, "country": country}
        matches = [SENDERS.c[name] == value for name, value in wanted.items() if value is not None]
        with self._database.single() as connection:
            holder = None if account is None else resolved_account(connection, account)
            owner = _owned_by(None if holder is None else holder.user_id)
            query = _senders().where(owner, SENDERS.c.id > after, *matches)
            rows = connection.execute(query.order_by(SENDERS.c.id).limit(limit + 1)).all()
            senders = _with_registrations(connection, rows[:limit], None if holder is None else holder.account_id)
        return SenderPage(senders, rows[limit - 1].id if len(rows) > limit else None)

    def get(self, account_id: str | None, sender_id: str | None, sender_type: SenderType | None = None) -> Sender:
        """Raises NotFoundError; RefusedError where the text is the sender of several types."""
        with self._database.single() as connection:
            row = _found(connection, _account_ref(connection, account_id), sender_id, sender_type)
            return _one_with_registrations(connection, row, account_id)

    def add(self, sender: Sender) -> Sender:
        """Adds a sender with its registrations; a number's country is derived where it is missing.

        Raises NotFoundError (account), RefusedError naming the fields, ConflictError where the owner has it.
        """
        complete = completed(sender)
        if errors := sender_errors(complete):
            raise RefusedError("the sender is refused", errors)
        try:
            with self._database.writing() as write:
                owner = _account_ref(write.connection, complete.account_id)
                added = insert(SENDERS).values(sender_values(complete, owner)).returning(SENDERS.c.id)
                sender_ref = write.connection.scalar(added)
                assert sender_ref is not None
                if rows := [registration_values(each, sender_ref) for each in complete.registrations]:
                    write.connection.execute(insert(REGISTRATIONS), rows)
                write.touch_account(owner)
        except IntegrityError:
            name = f"{complete.sender_type} {complete.sender_id}"
            raise ConflictError(f"{_words(complete.account_id)} has {name} already") from None
        return complete

    def set_status(
        self,
        account_id: str | None,
        sender_id: str | None,
        status: SenderStatus,
        sender_type: SenderType | None = None,
    ) -> Sender:
        """Raises NotFoundError; RefusedError where the text is the sender of several types."""
        with self._database.writing() as write:
            owner = _account_ref(write.connection, account_id)
            row = _found(write.connection, owner, sender_id, sender_type)
            if row.status != status:
                change = update(SENDERS).where(SENDERS.c.id == row.id).values(status=status.value)
                write.connection.execute(change)
                write.touch_account(owner)
            return replace(_one_with_registrations(write.connection, row, account_id), status=status)

    def register(
        self,
        account_id: str | None,
        sender_id: str | None,
        registration: Registration,
        sender_type: SenderType | None = None,
    ) -> Sender:
        """Sets a sender's standing in one country. Raises NotFoundError, RefusedError."""
        if errors := registration_errors(registration):
            raise RefusedError("the registration is refused", errors)
        with self._database.writing() as write:
            owner = _account_ref(write.connection, account_id)
            row = _found(write.connection, owner, sender_id, sender_type)
            book = partial(rules_in_use, write.connection)
            if words := spelling_error(row.sender_id, sender_id, registration.country, book, self._database.clock()):
                raise RefusedError("the registration is refused", [FieldError("sender_id", words)])
            if registration not in _one_with_registrations(write.connection, row, account_id).registrations:
                _set_registration(write, row.id, registration)
                write.touch_account(owner)
            return _one_with_registrations(write.connection, row, account_id)


def completed(sender: Sender) -> Sender:
    """The sender with its number in E.164, and with the country of that number where it names none itself."""
    if sender.sender_type not in NUMBER_TYPES or not sender.sender_id:
        return sender
    kept = kept_if_readable(sender.sender_type, sender.sender_id, sender.country)
    if sender.country is not None or not kept or not kept.startswith("+"):
        return sender if kept == sender.sender_id else replace(sender, sender_id=kept)
    country = country_of(kept)
    known = country is not None and shipped_countries().knows(country)
    return replace(sender, sender_id=kept, country=country if known else None)


def sender_errors(sender: Sender) -> list[FieldError]:
    """Every field of a sender that breaks its rule, by the names of the inventory file."""
    errors = []
    if words := _sender_id_error(sender):
        errors.append(FieldError("sender_id", words))
    if sender.country is not None and (words := country_error(sender.country, shipped_countries())):
        errors.append(FieldError("sender_country_code", words))
    if not 0 <= sender.trust <= TRUST_MAX:
        errors.append(FieldError("trust", f"must be from 0 to {TRUST_MAX}"))
    rate = sender.messages_per_second
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        errors.append(FieldError("messages_per_second", "must be greater than 0"))
    if sender.traffic_classes is not None and not sender.traffic_classes:
        errors.append(FieldError("traffic_classes", "must name a class, or be left out for all"))
    for registration in sender.registrations:
        errors.extend(registration_errors(registration))
    return errors


def _sender_id_error(sender: Sender) -> str | None:
    """A number must be one that can be read; that it looks like one is enough only where it names a sender."""
    if sender.sender_id and sender.sender_type in NUMBER_TYPES:
        return number_error(sender.sender_type, sender.sender_id, sender.country)
    return form_error(sender.sender_type, sender.sender_id)


def registration_errors(registration: Registration) -> list[FieldError]:
    """Every field of a registration that breaks its rule."""
    errors = []
    if words := country_error(registration.country, shipped_countries()):
        errors.append(FieldError("country", words))
    start, end = registration.valid_from, registration.valid_until
    if start is not None and end is not None and end <= start:
        errors.append(FieldError("valid_until", "must be later than valid_from"))
    return errors


def spelling_error(
    held: str | None, text: str | None, country: str, rules: Callable[[], RuleBook], now: datetime
) -> str | None:
    """What is wrong with registering under `text` what is kept as `held`, where the country counts case; else None.

    `rules` gives the rules in use; it is asked where the two differ by case alone.
    """
    if held is None or text is None or held == text or held.casefold() != text.casefold():
        return None
    if not rules().profile(country).counts_case(now):
        return None
    return f"is held here as {held!r}, and {country} counts the case of a name: add it as it is registered"


def _account_ref(connection: Connection, account_id: str | None) -> int | None:
    return None if account_id is None else account_row(connection, account_id).user_id


def _owned_by(account_ref: int | None) -> ColumnElement[bool]:
    return SENDERS.c.account_ref.is_(None) if account_ref is None else SENDERS.c.account_ref == account_ref


def _found(
    connection: Connection, account_ref: int | None, sender_id: str | None, sender_type: SenderType | None
) -> Row[*tuple[Any, ...]]:
    types = list(SenderType) if sender_type is None else [sender_type]
    identities = [identity_of(account_ref, each, kept_if_readable(each, sender_id)) for each in types]
    query = _senders().where(SENDERS.c.identity.in_(list(filter(storable, identities))))
    rows = connection.execute(query).all() or spelled_otherwise(connection, account_ref, types, sender_id)
    if not rows:
        raise NotFoundError(f"there is no sender {sender_id!r} in this inventory")
    if len(rows) > 1:
        names = sorted({row.sender_type for row in rows})
        if len(names) < len(rows):
            spellings = ", ".join(sorted(row.sender_id or "" for row in rows))
            raise RefusedError(f"{sender_id!r} is spelled in several ways here ({spellings}); say which")
        raise RefusedError(f"{sender_id!r} is a sender of several types ({', '.join(names)}); say which")
    return rows[0]


def spelled_otherwise(
    connection: Connection, account_ref: int | None, types: Sequence[SenderType], text: str | None
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The senders of an owner that a text names by a national number, or in another case than they are kept."""
    if not text or not storable(text):
        return []
    digits = "".join(character for character in text if character in _DIGITS)
    alike = SENDERS.c.sender_id.endswith(digits[-_TELLING_DIGITS:]) if digits else false()
    query = _senders().where(_owned_by(account_ref), SENDERS.c.sender_type.in_([each.value for each in types]))
    rows = connection.execute(query.where(or_(func.lower(SENDERS.c.sender_id) == text.lower(), alike))).all()
    known = [(row, sender) for row in rows if (sender := sender_of(row[1:], None)) is not None]
    names = SenderNames([sender for _, sender in known])
    return [known[place][0] for place in names.places(text)]


def _with_registrations(
    connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]], account_id: str | None
) -> tuple[Sender, ...]:
    registrations: defaultdict[int, list[Registration]] = defaultdict(list)
    for part in chunks([row.id for row in rows], CHUNK):
        for row in connection.execute(_registrations(part)):
            if (registration := registration_of(row[1:])) is not None:
                registrations[row.sender_ref].append(registration)
    return tuple(
        replace(sender, registrations=tuple(registrations[row.id]))
        for row in rows
        if (sender := sender_of(row[1:], account_id)) is not None
    )


def _one_with_registrations(connection: Connection, row: Row[*tuple[Any, ...]], account_id: str | None) -> Sender:
    """Raises RefusedError where a newer version wrote of it what this one does not know."""
    for sender in _with_registrations(connection, [row], account_id):
        return sender
    raise RefusedError("a newer version of this program wrote of this sender what this one does not know: use that one")


def _registrations(sender_refs: Sequence[int]) -> Select[*tuple[Any, ...]]:
    return (
        select(REGISTRATIONS.c.sender_ref, *REGISTRATION_COLUMNS)
        .where(REGISTRATIONS.c.sender_ref.in_(sender_refs))
        .order_by(REGISTRATIONS.c.sender_ref, REGISTRATIONS.c.country)
    )


def _set_registration(write: Write, sender_ref: int, registration: Registration) -> None:
    values = registration_values(registration, sender_ref)
    statement = insert_into(write.connection, REGISTRATIONS).values(values)
    changed = {name: values[name] for name in ("status", "valid_from", "valid_until")}
    keys = ("sender_ref", "country")
    write.connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


def _words(account_id: str | None) -> str:
    return "the platform pool" if account_id is None else f"account {account_id!r}"
