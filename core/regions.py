"""Regions: names under which many countries are meant at once, as core/data/regions.csv lists them with their source."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "data" / "regions.csv"


@dataclass(frozen=True, slots=True)
class Region:
    """A region by its code, such as EU; `source` says who draws its border."""

    code: str
    name: str
    source: str
    countries: tuple[str, ...]


@cache
def regions() -> Mapping[str, Region]:
    """All regions by their codes."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        row["region"]: Region(row["region"], row["name"], row["source"], tuple(row["countries"].split()))
        for row in rows
    }


def read_region(text: str) -> Region:
    """The region of a code in any case, with blanks or hyphens. Raises ValueError for one that is none."""
    code = text.strip().upper().replace(" ", "-").replace("_", "-")
    found = regions().get(code)
    if found is None:
        raise ValueError(f"there is no region {code[:40]!r}; one of: {', '.join(regions())}")
    return found
