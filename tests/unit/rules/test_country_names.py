"""A country by its name is the country of its code."""

from __future__ import annotations

import csv

import pytest

from core.errors import NotFoundError
from core.rules.country_names import countries_alike, country_name, country_named
from core.rules.shipped import SHIPPED_FILE, shipped_countries
from worker.cli.parameters import Countries, known_country

NAMES = {
    "Australia": "AU",
    "  united kingdom ": "GB",
    "côte d\u2019ivoire": "CI",
    "Cote d'Ivoire": "CI",
    "IVORY COAST": "CI",
    "Türkiye": "TR",
    "turkey": "TR",
    "The Netherlands": "NL",
    "Bosnia & Herzegovina": "BA",
    "USA": "US",
    "Hong Kong": "HK",
}


@pytest.mark.parametrize(("name", "code"), NAMES.items())
def test_a_name_is_read_however_it_is_written(name: str, code: str) -> None:
    assert known_country(name) == code


def test_every_country_is_found_by_its_own_name_and_no_name_is_that_of_two() -> None:
    assert {code for code in shipped_countries().names if country_named(country_name(code)) != code} == set()
    with SHIPPED_FILE.with_name("country_aliases.csv").open(encoding="utf-8", newline="") as lines:
        others = list(csv.DictReader(lines))
    assert [row for row in others if country_named(row["name"]) != row["country"]] == []


@pytest.mark.parametrize("code", ["au", "AU", "uk"])
def test_a_code_stays_a_code(code: str) -> None:
    assert known_country(code) == {"au": "AU", "AU": "AU", "uk": "GB"}[code]


def test_a_name_of_no_country_is_refused_with_those_that_are_alike() -> None:
    assert countries_alike("Astralia")[0] == "Australia (AU)"
    with pytest.raises(NotFoundError, match=r"did you mean Australia \(AU\)"):
        known_country("Astralia")
    with pytest.raises(NotFoundError, match="there is no country 'XX'"):
        known_country("XX")


@pytest.mark.parametrize(
    ("text", "countries"),
    [
        ("AU,GB", ["AU", "GB"]),
        ("AU GB", ["AU", "GB"]),
        ("Australia, United Kingdom,de", ["Australia", "United Kingdom", "de"]),
    ],
)
def test_several_stand_with_commas_between_them(text: str, countries: list[str]) -> None:
    assert list(Countries().convert(text, None, None)) == countries
