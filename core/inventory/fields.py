"""The fields of an inventory line: how each is read, and in which words it is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar

from core.accounts.accounts import account_id_error
from core.encoding import storable
from core.errors import FieldError
from core.moments import parse_moment
from core.phone import normal_country
from core.rules.files import shipped_rules
from core.sender import TrafficClass

#: What a required field reads as where it is missing or wrong; the error is noted.
MISSING: Any = object()

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)


class Fields:
    """Reads the fields of one JSON object and notes what is wrong; a wrong field reads as its default."""

    def __init__(self, content: Mapping[str, Any], line: int, errors: list[FieldError], path: str = "") -> None:
        self._content, self._line, self._errors, self._path = content, line, errors, path
        self.asked: list[str] = []

    def read(self, name: str, parse: Callable[[Any], _T], default: _T = MISSING) -> _T:
        """The field as `parse` has it; null and nothing are the default, which a required field does not have."""
        self.asked.append(name)
        value = self._content.get(name)
        if value is None:
            if default is MISSING:
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

    def objects(self, name: str) -> Iterator[Fields]:
        """The objects of a list."""
        contents: list[Any] = self.read(name, _list, [])
        for index, content in enumerate(contents):
            if isinstance(content, dict):
                yield Fields(content, self._line, self._errors, f"{self._path}{name}[{index}].")
            else:
                self.refuse(f"{name}[{index}]", "must be an object")


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004 - a bad value of a file, not a bug
    if not storable(value):
        raise ValueError("contains a character that cannot be stored")
    return value


def parse_time(value: Any) -> datetime:
    """A date or a time, as people write them. Raises ValueError."""
    return parse_moment(_string(value))


def parse_text(longest: int) -> Callable[[Any], str]:
    """A text of 1 to `longest` characters."""

    def parse(value: Any) -> str:
        if not 1 <= len(_string(value)) <= longest:
            raise ValueError(f"must have 1 to {longest} characters")
        return str(value)

    return parse


def parse_account_id(value: Any) -> str:
    """Raises ValueError."""
    if words := account_id_error(_string(value)):
        raise ValueError(words)
    return str(value)


def parse_sender_id(value: Any) -> str:
    """A text without the space around it; its form depends on the type. Raises ValueError."""
    return _string(value).strip()


def parse_country(value: Any) -> str:
    """Two letters in capitals, UK as GB. Raises ValueError."""
    code = normal_country(_string(value))
    if not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise ValueError("must be an ISO 3166-1 alpha-2 code")
    return code


def parse_known_country(value: Any) -> str:
    """The same, of a country that has rules. Raises ValueError."""
    code = parse_country(value)
    if not shipped_rules().knows(code):
        raise ValueError("is not a country code of ISO 3166-1")
    return code


def parse_flag(value: Any) -> bool:
    """Raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - a bad value of a file, not a bug
    return value


def parse_whole(value: Any) -> int:
    """Raises ValueError, for 5.0 too."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("must be a whole number")  # noqa: TRY004 - a bad value of a file, not a bug
    return value


def parse_number(value: Any) -> float:
    """Raises ValueError; OverflowError where it is too large for a float."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - a bad value of a file, not a bug
    return float(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("must be a list")  # noqa: TRY004 - a bad value of a file, not a bug
    return value


def parse_choice(kind: type[_E]) -> Callable[[Any], _E]:
    """One of the values of an enumeration."""

    def parse(value: Any) -> _E:
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"must be one of: {', '.join(kind)}") from None

    return parse


def parse_classes(value: Any) -> frozenset[TrafficClass]:
    """A list of traffic classes. Raises ValueError."""
    parse = parse_choice(TrafficClass)
    return frozenset(parse(each) for each in _list(value))
