"""The rules that come with the product: their version and their countries told at once, their book when it is asked for.

To read rule files loads pydantic and its models, and takes longer than all else that most commands do.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from core.engine.country_rules import REGION_HOMES, RuleBook
from core.process.loading import load

SHIPPED_FILE = Path(__file__).parents[1] / "data" / "country_rules.csv"
FACTS_FILE = SHIPPED_FILE.with_name("country_facts.csv")

#: The version of what these files hold; a test reads them and compares.
SHIPPED_VERSION: Final = "2026-11-28-ee0f8a"

_READ: Final = "core.rules.files:read_shipped_rules"


@cache
def shipped_rules() -> RuleBook:
    """The rules that come with the product; read at the first call, then kept."""
    book: RuleBook = load(_READ)()
    return book


@dataclass(frozen=True, slots=True)
class ShippedCountries:
    """The countries that the shipped rules speak of: English names by code."""

    names: Mapping[str, str]

    def knows(self, country: str) -> bool:
        """As the shipped book would say."""
        return country in self.names or REGION_HOMES.get(country) in self.names


@cache
def shipped_countries() -> ShippedCountries:
    """The countries alone: two columns of the file, without a look at the others."""
    with SHIPPED_FILE.open(encoding="utf-8", newline="") as lines:
        return ShippedCountries({row["country"]: row["name"] for row in csv.DictReader(lines)})
