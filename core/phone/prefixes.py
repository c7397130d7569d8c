"""The country of a number that is E.164 already, by a table of prefixes; nothing is parsed, so it is quick.

The table (`core/data/phone_prefixes.json`) is written by `deploy/generate_phone_prefixes.py` from libphonenumber's
metadata and from NANPA's list of area codes. It is read at the first number, not at import.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import phonenumbers
from phonenumbers import NumberParseException

# What the table answers beside a country: a code of two letters, or 001 for a calling code of no country.
IN_NO_RANGE: Final = "-"
BAD_LENGTH: Final = "!"
LOCAL_ONLY: Final = "~"
NO_CODE: Final = "?"
#: The table cannot tell: the number must be parsed.
ASK: Final = "*"

_Leaf = tuple[str, ...]
_Branch = dict[str, "Node"]
Node = _Leaf | _Branch

_TABLE: Final = Path(__file__).parents[1] / "data" / "phone_prefixes.json"

#: Characters, with the +, after which a node of the table is remembered; five digits cannot make more than about 100,000.
_REMEMBERED: Final = 6


def settled_country(to: str) -> str | None:
    """The country of a number that is E.164 as it stands and can be sent to; None: `parse_recipient` must judge it."""
    answer = answer_for(to)
    return answer if len(answer) > 1 else None


def load_prefixes() -> None:
    """Read the table now, not at the first number."""
    table()


def country_of(e164: str) -> str | None:
    """The country of an international number, whether or not its length is possible; None: no country's."""
    answer = answer_for(e164)
    if len(answer) > 1:
        return answer
    return _asked_country(e164) if answer in (ASK, BAD_LENGTH, LOCAL_ONLY) else None


def _asked_country(e164: str) -> str | None:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(e164))
    except NumberParseException:
        return None


# ---- the table: a tree of digits whose leaves answer by length ----


def answer_for(to: str) -> str:
    """A country, or one of the answers above; `ASK` for all that is not a + and 7 to 15 ASCII digits."""
    if not (to[1:].isdigit() and to.isascii()):
        return ASK
    node = _nodes.get(to[:_REMEMBERED]) or _node(to)
    depth = _REMEMBERED
    while isinstance(node, dict):
        node = node[to[depth : depth + 1]]
        depth += 1
    try:
        return node[len(to)]
    except IndexError:
        return ASK


def _node(to: str) -> Node:
    """Where the first digits of `to` lead, remembered."""
    if to[0] != "+":
        return _leaf(ASK * 9)
    node: Node = table()
    for digit in to[1:_REMEMBERED]:
        if isinstance(node, dict):
            node = node[digit]
    _nodes[to[:_REMEMBERED]] = node
    return node


def _leaf(answers: Iterable[str]) -> _Leaf:
    """The answers for 7 to 15 digits, to be found by the length of the text with its +."""
    return (*ASK * 8, *map(sys.intern, answers))


@cache
def table() -> Node:
    """The root. A row is a leaf's answers as text, or the answer for a number that ends there and ten earlier rows."""
    nodes: list[Node] = []
    for row in _rows():
        if isinstance(row, str):
            nodes.append(_leaf(row.split()))
        else:
            branch: _Branch = {str(digit): nodes[number] for digit, number in enumerate(row[1:])}
            nodes.append(branch | {"": _leaf(row[0] * 9)})
    return nodes[-1]


def _rows() -> list[str | list[Any]]:
    rows: list[str | list[Any]] = json.loads(_TABLE.read_bytes())["nodes"]
    return rows


_nodes: dict[str, Node] = {}
