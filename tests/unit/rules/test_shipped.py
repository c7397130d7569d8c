"""What is told of the shipped rules without reading them is what they say."""

from __future__ import annotations

import pytest

from core.rules.files import read_shipped_rules
from core.rules.shipped import SHIPPED_VERSION, shipped_countries, shipped_rules


def test_it_tells_the_version_of_the_files() -> None:
    assert read_shipped_rules().version == SHIPPED_VERSION


def test_it_tells_their_countries() -> None:
    assert set(shipped_countries().names) == set(shipped_rules().countries())


@pytest.mark.parametrize("code", ["AU", "SH", "AC", "UK", "ZZ", "", "au"])
def test_it_knows_the_countries_that_the_book_knows(code: str) -> None:
    assert shipped_countries().knows(code) is shipped_rules().knows(code)
