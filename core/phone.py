"""Telephone numbers: E.164 and the country of any destination, as libphonenumber reads them.

A number that is E.164 as it stands, or but for blanks and the like, is decided by a table of prefixes (`data/phone_prefixes.json`, written by
`deploy/generate_phone_prefixes.py`); everything else is read by phonenumbers, the Python port of libphonenumber.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

#: ISO 3166-1 alpha-2 codes that a hint may name, with libphonenumber's own AC, TA and XK.
KNOWN_REGIONS: Final[frozenset[str]] = frozenset(phonenumbers.SUPPORTED_REGIONS)

#: The country of a number whose calling code is no country's: satellites, international services.
NO_COUNTRY: Final = "001"

# What the table answers beside a country: a code of two letters, or 001 for a calling code of no country.
_NO_COUNTRY: Final = "-"
_BAD_LENGTH: Final = "!"
_ASK: Final = "*"
_NO_CODE: Final = "?"

_REASONS: Final = {
    _NO_COUNTRY: "lies in no country's range of numbers",
    _BAD_LENGTH: "has too few or too many digits for its country",
    _NO_CODE: "begins with no country's calling code",
}

_PARSE_REASONS: Final = {
    NumberParseException.INVALID_COUNTRY_CODE: _REASONS[_NO_CODE],
    NumberParseException.NOT_A_NUMBER: "is not a telephone number",
    NumberParseException.TOO_SHORT_AFTER_IDD: "has too few digits",
    NumberParseException.TOO_SHORT_NSN: "has too few digits",
    NumberParseException.TOO_LONG: "has too many digits",
}

#: Text that begins with the international prefix 00, ASCII or full-width, but is not tied to a context by RFC 3966.
_DOUBLE_ZERO: Final = re.compile(r"\A(?!.*;phone-context=)[^\d+\uff0b]*[0\uff10]{2}", re.DOTALL)

_PLUS: Final = re.compile("[+\uff0b]")

#: An international number as people write it, with marks that libphonenumber passes over wherever they stand.
_WRITTEN_OUT: Final = re.compile(r"\+[0-9][0-9 ()./\u00a0-]{6,40}\Z")
_NO_MARKS: Final = str.maketrans("", "", " ()./\u00a0-")

_Leaf = tuple[str, ...]
_Branch = dict[str, "_Node"]
_Node = _Leaf | _Branch

_TABLE: Final = Path(__file__).with_name("data") / "phone_prefixes.json"

#: Characters, with the +, after which a node of the table is remembered; five digits cannot make more than about 100,000.
_REMEMBERED: Final = 6


@dataclass(frozen=True, slots=True)
class Recipient:
    """A number in E.164 and its country, as libphonenumber names it: AC, TA and XK too, 001 for no country (+870)."""

    e164: str
    country: str


class InvalidRecipientError(ValueError):
    """Text that no message can be sent to. `reason` is a clause for people and never holds the number."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the recipient {self.reason}"


def parse_recipient(to: str, country: str | None = None) -> Recipient:
    """Reads `to`; `country` is a hint, used only where `to` is a national number. Raises InvalidRecipientError.

    Without a hint 00 is read as +; with one, the country's own international prefix holds. An extension is dropped.
    """
    answer = _answer(to)
    if answer == _ASK and _WRITTEN_OUT.match(to):
        bare = to.translate(_NO_MARKS)
        if settled := settled_country(bare):
            return Recipient(bare, settled)
    if len(answer) > 1:
        return Recipient(to, answer)
    region = _region(country)
    if answer == _ASK or (answer == _NO_CODE and region is not None):
        return _read(to, region)
    raise InvalidRecipientError(_REASONS[answer])


def settled_country(to: str) -> str | None:
    """The country of a number that is E.164 as it stands and can be sent to; None: `parse_recipient` must judge it."""
    answer = _answer(to)
    return answer if len(answer) > 1 else None


def country_of(e164: str) -> str | None:
    """The country of an international number, whether or not its length is possible; None: no country's."""
    answer = _answer(e164)
    if len(answer) > 1:
        return answer
    return _asked_country(e164) if answer in (_ASK, _BAD_LENGTH) else None


def normal_country(code: str) -> str:
    """ISO 3166-1 alpha-2 in capitals, UK as GB; an unknown code comes back as it is."""
    capitals = code.strip().upper()
    return "GB" if capitals == "UK" else capitals


# ---- what phonenumbers reads ----


def _region(country: str | None) -> str | None:
    if not country:
        return None
    region = normal_country(country)
    return region if region in KNOWN_REGIONS else None


def _read(to: str, region: str | None) -> Recipient:
    number = _parsed(to, region)
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    answer = _answer(e164)
    if answer == _ASK:
        answer = _asked(number)
    if len(answer) > 1:
        return Recipient(e164, answer)
    raise InvalidRecipientError(_REASONS[answer])


def _parsed(to: str, region: str | None) -> PhoneNumber:
    text = to if region else _DOUBLE_ZERO.sub("+", to)
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE and not region and not _PLUS.search(text):
            raise InvalidRecipientError("is a national number, and no country is given to read it by") from None
        raise InvalidRecipientError(_PARSE_REASONS[error.error_type]) from None


def _asked(number: PhoneNumber) -> str:
    if not phonenumbers.is_possible_number(number):
        return _BAD_LENGTH
    return phonenumbers.region_code_for_number(number) or _NO_COUNTRY


def _asked_country(e164: str) -> str | None:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(e164))
    except NumberParseException:
        return None


# ---- the table: a tree of digits whose leaves answer by length ----


def _answer(to: str) -> str:
    if not (to[1:].isdigit() and to.isascii()):
        return _ASK
    node = _nodes.get(to[:_REMEMBERED]) or _node(to)
    depth = _REMEMBERED
    while isinstance(node, dict):
        node = node[to[depth : depth + 1]]
        depth += 1
    try:
        return node[len(to)]
    except IndexError:
        return _ASK


def _node(to: str) -> _Node:
    """Where the first digits of `to` lead, remembered."""
    if to[0] != "+":
        return _leaf(_ASK * 9)
    node: _Node = _root
    for digit in to[1:_REMEMBERED]:
        if isinstance(node, dict):
            node = node[digit]
    _nodes[to[:_REMEMBERED]] = node
    return node


def _leaf(answers: Iterable[str]) -> _Leaf:
    """The answers for 7 to 15 digits, to be found by the length of the text with its +."""
    return (*_ASK * 8, *map(sys.intern, answers))


def _read_table(rows: list[str | list[Any]]) -> _Node:
    """The root. A row is a leaf's answers as text, or the answer for a number that ends there and ten earlier rows."""
    nodes: list[_Node] = []
    for row in rows:
        if isinstance(row, str):
            nodes.append(_leaf(row.split()))
        else:
            branch: _Branch = {str(digit): nodes[number] for digit, number in enumerate(row[1:])}
            nodes.append(branch | {"": _leaf(row[0] * 9)})
    return nodes[-1]


_root = _read_table(json.loads(_TABLE.read_bytes())["nodes"])
_nodes: dict[str, _Node] = {}
