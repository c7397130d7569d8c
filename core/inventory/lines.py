"""The lines of an inventory file: accounts, senders, registrations and defaults, each field checked.

A field that is left out takes its default in a new row and stays as it is in a known one; null is the default, said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from core.accounts.accounts import AccountStatus
from core.accounts.senders import completed, registration_errors, sender_errors
from core.defaults.strategies import Strategy
from core.errors import FieldError
from core.inventory.fields import (
    MISSING,
    Fields,
    parse_account_id,
    parse_choice,
    parse_classes,
    parse_country,
    parse_flag,
    parse_known_country,
    parse_number,
    parse_sender_id,
    parse_text,
    parse_time,
    parse_whole,
)
from core.sender import Product, Registration, RegistrationStatus, Sender, SenderStatus, SenderType, bare_sender_id
from core.sender_ids import kept_if_readable

#: A line is some 300 bytes; what is longer than this is not one.
LINE_MAX_BYTES = 1_048_576

KEY_MAX_CHARACTERS = 200
NAME_MAX_CHARACTERS = 500


class Kind(StrEnum):
    """What a line is about; the order is that in which the kinds are written."""

    ACCOUNT = "account"
    SENDER = "sender"
    REGISTRATION = "registration"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account. `given` names the fields that the line holds."""

    line: int
    given: frozenset[str]
    account_id: str
    name: str | None
    parent: str | None
    may_borrow: bool
    status: AccountStatus
    api_key: str | None

    @property
    def key(self) -> tuple[object, ...]:
        """What may stand in a file once."""
        return (Kind.ACCOUNT, self.account_id)


@dataclass(frozen=True, slots=True)
class SenderLine:
    """A sender, without registrations."""

    line: int
    given: frozenset[str]
    sender: Sender

    @property
    def account_id(self) -> str | None:
        """The owner; None: the platform pool."""
        return self.sender.account_id

    @property
    def key(self) -> tuple[object, ...]:
        """What may stand in a file once."""
        sender = self.sender
        return (Kind.SENDER, sender.account_id, sender.sender_type, bare_sender_id(sender.sender_id))


@dataclass(frozen=True, slots=True)
class RegistrationLine:
    """A registration of a sender that the file or the database holds."""

    line: int
    given: frozenset[str]
    account_id: str | None
    sender_id: str | None
    sender_type: SenderType
    registration: Registration

    @property
    def key(self) -> tuple[object, ...]:
        """What may stand in a file once."""
        sender = (self.account_id, self.sender_type, bare_sender_id(self.sender_id))
        return (Kind.REGISTRATION, *sender, self.registration.country)


@dataclass(frozen=True, slots=True)
class DefaultLine:
    """A default sender."""

    line: int
    given: frozenset[str]
    account_id: str
    country: str
    product: Product
    strategies: tuple[Strategy, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """What may stand in a file once."""
        return (Kind.DEFAULT, self.account_id, self.country, self.product)


Line = AccountLine | SenderLine | RegistrationLine | DefaultLine


def read_line(text: bytes, number: int, errors: list[FieldError]) -> Line | None:
    """The line, or None where it is blank or wrong; its errors are appended."""
    if not text.strip():
        return None
    content = _content(text, number, errors)
    if content is None:
        return None
    found = content.get("kind")
    if not isinstance(found, str) or found not in _READERS:
        errors.append(FieldError(f"line {number}: kind", f"must be one of: {', '.join(Kind)}"))
        return None
    before = len(errors)
    fields = Fields(content, number, errors)
    line = _READERS[Kind(found)](fields, number, frozenset(content))
    fields.refuse_unknown()
    return line if len(errors) == before else None


def _content(text: bytes, number: int, errors: list[FieldError]) -> dict[str, Any] | None:
    if len(text) > LINE_MAX_BYTES:
        errors.append(FieldError(f"line {number}", f"is longer than {LINE_MAX_BYTES} bytes"))
        return None
    try:
        content = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        errors.append(FieldError(f"line {number}", f"is not JSON: {error}"))
        return None
    if not isinstance(content, dict):
        errors.append(FieldError(f"line {number}", "must be a JSON object"))
        return None
    return content


def _account(fields: Fields, number: int, given: frozenset[str]) -> AccountLine:
    return AccountLine(
        line=number,
        given=given,
        account_id=fields.read("account_id", parse_account_id),
        name=fields.read("name", parse_text(NAME_MAX_CHARACTERS), None),
        parent=fields.read("parent", parse_account_id, None),
        may_borrow=fields.read("may_borrow", parse_flag, True),
        status=fields.read("status", parse_choice(AccountStatus), AccountStatus.ACTIVE),
        api_key=fields.read("api_key", parse_text(KEY_MAX_CHARACTERS), None),
    )


def _sender(fields: Fields, number: int, given: frozenset[str]) -> SenderLine | None:
    if "account_id" not in given:
        fields.refuse("account_id", "is required (null: the platform pool)")
    sender_type = fields.read("sender_type", parse_choice(SenderType))
    sender = Sender(
        account_id=fields.read("account_id", parse_account_id, None),
        sender_id=fields.read("sender_id", parse_sender_id, "") or None,
        sender_type=sender_type,
        country=fields.read("sender_country_code", parse_country, None),
        status=fields.read("status", parse_choice(SenderStatus), SenderStatus.ACTIVE),
        purchased_at=fields.read("purchased_at", parse_time, None),
        activated_at=fields.read("activated_at", parse_time, None),
        expires_at=fields.read("expires_at", parse_time, None),
        trust=fields.read("trust", parse_whole, 50),
        two_way=fields.read("two_way", parse_flag, sender_type is not SenderType.ALPHA_TAG),
        mms=fields.read("mms", parse_flag, False),
        messages_per_second=fields.read("messages_per_second", parse_number, None),
        traffic_classes=fields.read("traffic_classes", parse_classes, None),
    )
    if sender_type is MISSING:
        return None
    fields.refuse_all(sender_errors(sender))
    return SenderLine(number, given, completed(sender))


def _registration(fields: Fields, number: int, given: frozenset[str]) -> RegistrationLine | None:
    if "account_id" not in given:
        fields.refuse("account_id", "is required (null: the platform pool)")
    country = fields.read("country", parse_country)
    registration = Registration(
        country=country,
        status=fields.read("status", parse_choice(RegistrationStatus)),
        valid_from=fields.read("valid_from", parse_time, None),
        valid_until=fields.read("valid_until", parse_time, None),
    )
    if country is not MISSING:
        fields.refuse_all(registration_errors(registration))
    sender_id = fields.read("sender_id", parse_sender_id, "") or None
    sender_type = fields.read("sender_type", parse_choice(SenderType))
    return RegistrationLine(
        line=number,
        given=given,
        account_id=fields.read("account_id", parse_account_id, None),
        sender_id=sender_id if sender_type is MISSING else kept_if_readable(sender_type, sender_id),
        sender_type=sender_type,
        registration=registration,
    )


def _default(fields: Fields, number: int, given: frozenset[str]) -> DefaultLine:
    account_id = fields.read("account_id", parse_account_id)
    country = fields.read("country", parse_known_country)
    product = fields.read("product", parse_choice(Product), Product.SMS)
    strategies = tuple(_strategy(each) for each in fields.objects("strategies"))
    if not strategies:
        fields.refuse("strategies", "is required")
    return DefaultLine(number, given, account_id, country, product, strategies)


def _strategy(fields: Fields) -> Strategy:
    strategy = Strategy(
        sender_type=fields.read("sender_type", parse_choice(SenderType)),
        sender_id=fields.read("sender_id", parse_sender_id, "") or None,
        sender_country_code=fields.read("sender_country_code", parse_country, None),
    )
    fields.refuse_unknown()
    return strategy if strategy.sender_type is MISSING else strategy.as_kept


_READERS: Mapping[Kind, Callable[[Fields, int, frozenset[str]], Line | None]] = {
    Kind.ACCOUNT: _account,
    Kind.SENDER: _sender,
    Kind.REGISTRATION: _registration,
    Kind.DEFAULT: _default,
}


# -- what an import makes of them --------------------------------------------------------------------


@dataclass(slots=True)
class Counts:
    """Rows of one kind."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def as_dict(self) -> dict[str, int]:
        """For `--json`."""
        return {"created": self.created, "updated": self.updated, "unchanged": self.unchanged}


@dataclass(slots=True)
class ImportResult:
    """Counts by kind, in the order of writing, and the errors that only the database could show."""

    counts: dict[Kind, Counts] = field(default_factory=lambda: {kind: Counts() for kind in Kind})
    errors: list[FieldError] = field(default_factory=list)

    def refuse(self, line: Line, name: str, reason: str) -> None:
        """Notes what is wrong with a field of a line."""
        self.errors.append(FieldError(f"line {line.line}: {name}", reason))

    def count(self, kind: Kind, *, created: int, updated: int, total: int) -> None:
        """Adds rows of which `total` are good and the rest of them unchanged."""
        counts = self.counts[kind]
        counts.created += created
        counts.updated += updated
        counts.unchanged += total - created - updated
