"""Regions: their codes, and that their countries are ones of which the rules speak."""

from __future__ import annotations

import pytest

from core.regions import read_region, regions
from core.rules.files import shipped_rules


def test_every_country_of_a_region_has_rules() -> None:
    book = shipped_rules()
    assert [code for region in regions().values() for code in region.countries if not book.knows(code)] == []


def test_the_european_union_has_its_27_members_and_the_economic_area_three_more() -> None:
    union, area = regions()["EU"].countries, regions()["EEA"].countries
    assert (len(union), set(area) - set(union)) == (27, {"IS", "LI", "NO"})
    assert not {"GB", "CH"} & set(area)


def test_the_parts_of_the_world_have_no_country_in_common() -> None:
    parts = [regions()[code].countries for code in ("AFRICA", "AMERICAS", "ASIA", "EUROPE", "OCEANIA")]
    everybody = [code for part in parts for code in part]
    assert len(everybody) == len(set(everybody)) == 248


@pytest.mark.parametrize("text", ["eu", " EU ", "western africa", "Western_Africa"])
def test_a_code_is_read_however_it_is_written(text: str) -> None:
    assert read_region(text).code in {"EU", "WESTERN-AFRICA"}


def test_an_unknown_region_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="no region 'ATLANTIS'; one of: EU, EEA, AFRICA"):
        read_region("Atlantis")
