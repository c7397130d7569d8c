"""The lines of an inventory file: accounts, senders, registrations and defaults, each field checked.

A field that is left out takes its default in a new row and stays as it is in a known one; null is the default, said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from core.accounts import AccountStatus, account_id_error
from core.default_strategies import Strategy
from core.errors import FieldError
from core.phone import normal_country
from core.rules_file import shipped_rules
from core.sender import (
    Product,
    Registration,
    RegistrationStatus,
    Sender,
    SenderStatus,
    SenderType,
    TrafficClass,
    bare_sender_id,
)
from core.senders import completed, registration_errors, sender_errors
from core.statements import storable

#: A line is some 300 bytes; what is longer than this is not one.
LINE_MAX_BYTES = 1_048_576

KEY_MAX_CHARACTERS = 200
NAME_MAX_CHARACTERS = 500

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII)
_MISSING: Any = object()


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

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)


class _Fields:
    """Reads the fields of one JSON object and notes what is wrong; a wrong field reads as its default."""

    def __init__(self, content: Mapping[str, Any], line: int, errors: list[FieldError], path: str = "") -> None:
        self._content, self._line, self._errors, self._path = content, line, errors, path
        self.asked: list[str] = []

    def read(self, name: str, parse: Callable[[Any], _T], default: _T = _MISSING) -> _T:
        """The field as `parse` has it; null and nothing are the default, which a required field does not have."""
        self.asked.append(name)
        value = self._content.get(name)
        if value is None:
            if default is _MISSING:
                self.refuse(name, "is required")
            return default
        try:
            return parse(value)
        except (ValueError, OverflowError) as error:
            self.refuse(name, str(error))
            return default

    def refuse(self, name: str, reason: str) -> None:
        """Notes an error of one field."""
        self._errors.append(FieldError(f"line {self._line}: {self._path}{name}", reason))

    def refuse_all(self, errors: list[FieldError]) -> None:
        """Notes errors whose fields are named as in this object."""
        for error in errors:
            self.refuse(error.field, error.reason)

    def refuse_unknown(self) -> None:
        """Notes the fields that nobody has asked for: a misspelt one must not be passed over in silence."""
        for name in self._content.keys() - self.asked - {"kind"}:
            near = get_close_matches(str(name), self.asked, 1)
            self.refuse(str(name), f"is not a field here{f'; {near[0]} is' if near else ''}")

    def objects(self, name: str) -> Iterator[_Fields]:
        """The objects of a list."""
        contents: list[Any] = self.read(name, _list, [])
        for index, content in enumerate(contents):
            if isinstance(content, dict):
                yield _Fields(content, self._line, self._errors, f"{self._path}{name}[{index}].")
            else:
                self.refuse(f"{name}[{index}]", "must be an object")


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
    fields = _Fields(content, number, errors)
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


def _account(fields: _Fields, number: int, given: frozenset[str]) -> AccountLine:
    return AccountLine(
        line=number,
        given=given,
        account_id=fields.read("account_id", _account_id),
        name=fields.read("name", _text(NAME_MAX_CHARACTERS), None),
        parent=fields.read("parent", _account_id, None),
        may_borrow=fields.read("may_borrow", _flag, True),
        status=fields.read("status", _choice(AccountStatus), AccountStatus.ACTIVE),
        api_key=fields.read("api_key", _text(KEY_MAX_CHARACTERS), None),
    )


def _sender(fields: _Fields, number: int, given: frozenset[str]) -> SenderLine | None:
    if "account_id" not in given:
        fields.refuse("account_id", "is required (null: the platform pool)")
    sender_type = fields.read("sender_type", _choice(SenderType))
    sender = Sender(
        account_id=fields.read("account_id", _account_id, None),
        sender_id=fields.read("sender_id", _sender_id, "") or None,
        sender_type=sender_type,
        country=fields.read("sender_country_code", _country, None),
        status=fields.read("status", _choice(SenderStatus), SenderStatus.ACTIVE),
        purchased_at=fields.read("purchased_at", parse_moment, None),
        activated_at=fields.read("activated_at", parse_moment, None),
        expires_at=fields.read("expires_at", parse_moment, None),
        trust=fields.read("trust", _whole, 50),
        two_way=fields.read("two_way", _flag, sender_type is not SenderType.ALPHA_TAG),
        mms=fields.read("mms", _flag, False),
        messages_per_second=fields.read("messages_per_second", _number, None),
        traffic_classes=fields.read("traffic_classes", _classes, None),
    )
    if sender_type is _MISSING:
        return None
    fields.refuse_all(sender_errors(sender))
    return SenderLine(number, given, completed(sender))


def _registration(fields: _Fields, number: int, given: frozenset[str]) -> RegistrationLine | None:
    if "account_id" not in given:
        fields.refuse("account_id", "is required (null: the platform pool)")
    country = fields.read("country", _country)
    registration = Registration(
        country=country,
        status=fields.read("status", _choice(RegistrationStatus)),
        valid_from=fields.read("valid_from", parse_moment, None),
        valid_until=fields.read("valid_until", parse_moment, None),
    )
    if country is not _MISSING:
        fields.refuse_all(registration_errors(registration))
    return RegistrationLine(
        line=number,
        given=given,
        account_id=fields.read("account_id", _account_id, None),
        sender_id=fields.read("sender_id", _sender_id, "") or None,
        sender_type=fields.read("sender_type", _choice(SenderType)),
        registration=registration,
    )


def _default(fields: _Fields, number: int, given: frozenset[str]) -> DefaultLine:
    account_id = fields.read("account_id", _account_id)
    country = fields.read("country", _known_country)
    product = fields.read("product", _choice(Product), Product.SMS)
    strategies = tuple(_strategy(each) for each in fields.objects("strategies"))
    if not strategies:
        fields.refuse("strategies", "is required")
    return DefaultLine(number, given, account_id, country, product, strategies)


def _strategy(fields: _Fields) -> Strategy:
    strategy = Strategy(
        sender_type=fields.read("sender_type", _choice(SenderType)),
        sender_id=fields.read("sender_id", _sender_id, "") or None,
        sender_country_code=fields.read("sender_country_code", _country, None),
    )
    fields.refuse_unknown()
    return strategy


_READERS: Mapping[Kind, Callable[[_Fields, int, frozenset[str]], Line | None]] = {
    Kind.ACCOUNT: _account,
    Kind.SENDER: _sender,
    Kind.REGISTRATION: _registration,
    Kind.DEFAULT: _default,
}


def parse_moment(value: Any) -> datetime:
    """RFC 3339, or a date (its first instant); UTC where no offset is given. Raises ValueError."""
    words = "must be a date (2026-07-01) or a time (2026-07-01T00:00:00Z)"
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError(words)
    try:
        moment = datetime.fromisoformat(value.upper())
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(words) from None


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004 - a bad value of a file, not a bug
    if not storable(value):
        raise ValueError("contains a character that cannot be stored")
    return value


def _text(longest: int) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if not 1 <= len(_string(value)) <= longest:
            raise ValueError(f"must have 1 to {longest} characters")
        return str(value)

    return parse


def _account_id(value: Any) -> str:
    if words := account_id_error(_string(value)):
        raise ValueError(words)
    return str(value)


def _sender_id(value: Any) -> str:
    return _string(value).strip()


def _country(value: Any) -> str:
    code = normal_country(_string(value))
    if not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise ValueError("must be an ISO 3166-1 alpha-2 code")
    return code


def _known_country(value: Any) -> str:
    code = _country(value)
    if not shipped_rules().knows(code):
        raise ValueError("is not a country code of ISO 3166-1")
    return code


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - a bad value of a file, not a bug
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("must be a whole number")  # noqa: TRY004 - a bad value of a file, not a bug
    return value


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - a bad value of a file, not a bug
    return float(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("must be a list")  # noqa: TRY004 - a bad value of a file, not a bug
    return value


def _choice(kind: type[_E]) -> Callable[[Any], _E]:
    def parse(value: Any) -> _E:
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"must be one of: {', '.join(kind)}") from None

    return parse


def _classes(value: Any) -> frozenset[TrafficClass]:
    parse = _choice(TrafficClass)
    return frozenset(parse(each) for each in _list(value))
