"""The area codes of calling code 1, and the state or province of each, by the dated list of core/data."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_LIST = Path(__file__).parents[1] / "data" / "nanpa_area_codes.csv"
_CALLING_CODE = "+1"
#: Of a whole number in E.164, `+1` and the area code included.
_LENGTH = 12


def area_code_of(e164: str | None) -> str | None:
    """The area code of a number of calling code 1; None: it is none."""
    if e164 is None or len(e164) != _LENGTH or not e164.startswith(_CALLING_CODE):
        return None
    return e164[2:5]


def region_of(area_code: str) -> str | None:
    """The state, province or island of an area code, as NANPA calls it; None: the list does not have it."""
    return _regions().get(area_code)


@cache
def _regions() -> Mapping[str, str]:
    with _LIST.open(encoding="ascii", newline="") as file:
        return {row["area_code"]: row["location"] for row in csv.DictReader(file)}
