"""Countries by their code: one reading, one wording."""

from __future__ import annotations

import pytest

from core.countries import country_errors, normal_country, read_country
from core.errors import FieldError
from core.rules.files import shipped_rules

WORDS = "there is no country 'ZZ'; give an ISO 3166-1 alpha-2 code such as AU or GB"


@pytest.mark.parametrize(("code", "normal"), [("uk", "GB"), ("UK", "GB"), (" gb ", "GB"), ("fr", "FR"), ("zz", "ZZ")])
def test_it_writes_countries_in_one_way(code: str, normal: str) -> None:
    assert normal_country(code) == normal


def test_it_refuses_a_code_of_no_country() -> None:
    assert read_country("uk", shipped_rules()) == "GB"
    with pytest.raises(ValueError, match="^" + WORDS):
        read_country("zz", shipped_rules())


def test_it_quotes_no_more_than_the_beginning() -> None:
    with pytest.raises(ValueError, match=r"there is no country 'X{40}…';"):
        read_country("x" * 1_000_000, shipped_rules())


def test_it_names_the_places_of_a_list() -> None:
    assert country_errors(["AU", "ZZ", "GB"], shipped_rules(), "countries") == [FieldError("countries[1]", WORDS)]
