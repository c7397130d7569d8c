"""Countries by their English names, for people who type one where a code is asked for.

The names are those of the shipped rules, and others in use (core/data/country_aliases.csv): those of Unicode's CLDR where
they differ, and former and short ones.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from difflib import get_close_matches
from functools import cache

from core.rules.shipped import SHIPPED_FILE, shipped_countries

_ALIASES = SHIPPED_FILE.with_name("country_aliases.csv")
_NOT_A_LETTER = re.compile(r"[^a-z ]+")


def country_named(text: str) -> str | None:
    """The ISO 3166-1 alpha-2 code of a country by one of its names, however it is written: `côte d'ivoire`. None: no such."""
    return _codes().get(_plain(text))


def countries_alike(text: str) -> list[str]:
    """Up to three countries with a name like the text, as `Austria (AT)`, the nearest first."""
    near = get_close_matches(_plain(text), _codes(), 3, 0.75)
    return [f"{country_name(code)} ({code})" for code in dict.fromkeys(_codes()[name] for name in near)]


def country_name(code: str) -> str:
    """The name of a country; the code itself where it has none."""
    return shipped_countries().names.get(code, code)


def _plain(text: str) -> str:
    """A name without accents, marks, articles, and with one word for `&`."""
    letters = unicodedata.normalize("NFKD", text.casefold().replace("&", " and "))
    bare = _NOT_A_LETTER.sub(" ", "".join(each for each in letters if not unicodedata.combining(each)))
    return " ".join(bare.split()).removeprefix("the ")


@cache
def _codes() -> dict[str, str]:
    """Each plain name, and its country."""
    with _ALIASES.open(encoding="utf-8", newline="") as lines:
        others = {_plain(row["name"]): row["country"] for row in csv.DictReader(lines)}
    return others | {_plain(name): code for code, name in shipped_countries().names.items()}
