"""Cursors: what a list gives, it takes back, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cursors import as_cursor, place_of
from core.encoding import storable


@given(st.text().filter(storable))
def test_it_takes_back_what_it_gave(place: str) -> None:
    cursor = as_cursor(place)
    assert cursor.replace("-", "").replace("_", "").isalnum() or not cursor
    assert place_of(cursor) == place


@pytest.mark.parametrize("text", ["a", "!!!!", "\x00", "[" * 1_000, as_cursor("a\x00b"), "4", "_w"])
def test_it_refuses_what_no_list_has_returned(text: str) -> None:
    with pytest.raises(ValueError, match="is not one that a list has returned"):
        place_of(text)
