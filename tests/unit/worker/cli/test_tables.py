"""Tables for people: what fits an 80-column terminal stays whole, and what does not is wrapped, never left out."""

from __future__ import annotations

import pytest

from worker.cli.output import print_table
from worker.cli.tables import cells_of, fitted, table_lines, wrapped_lines


def test_it_is_as_wide_as_its_cells_where_there_is_room() -> None:
    lines = list(table_lines(("id", "name"), [("1", "Ann"), ("200", "")], 80))
    assert lines == ["id   name", "─────────", "1    Ann", "200"]


def test_the_last_column_gives_way_first_and_ids_stay_whole() -> None:
    rows = [("+61491570156", "registered for Australia since 2026")]
    assert list(table_lines(("sender", "why"), rows, 30)) == [
        "sender        why",
        "─" * 30,
        "+61491570156  registered for",
        "              Australia since",
        "              2026",
    ]


@pytest.mark.parametrize("width", [1, 5, 10, 20, 40, 60, 79, 200])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_lost(width: int) -> None:
    columns = ("a", "b", "c", "d", "e", "f")
    row = ("x" * 30, "one two three", "", "東京" * 8, "y", "a sentence of some words")
    lines = list(table_lines(columns, [row], width))
    if width > 20:
        assert max(map(cells_of, lines)) <= width
    held = "".join(lines[2:]).replace(" ", "")
    assert sorted(held) == sorted("".join(row).replace(" ", ""))


def test_many_columns_give_way_from_the_widest_on() -> None:
    assert fitted([10, 30, 20, 5, 5, 5], 60) == [10, 12, 13, 5, 5, 5]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("one two", ["one", "two"]),
        ("abcdefgh ij", ["abcd", "efgh", "ij"]),
        ("東京都庁", ["東京", "都庁"]),
        ("a\u0301bcd", ["a\u0301bcd"]),
    ],
)
def test_it_wraps_between_words_and_folds_what_is_longer(text: str, lines: list[str]) -> None:
    assert list(wrapped_lines(text, 4)) == lines


TYPES = "alpha_tag, longcode, own_number, shortcode, tollfree, 10DLC, shared_longcode"


def test_it_leaves_no_column_without_room_beside_one_that_is_too_wide(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("", ("country", "types", "sources", "looked at"), [("AU", TYPES, "aws, telnyx, vonage", "2024-07-17")])
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any(line.split()[0] == "AU" and line.split()[-1] == "2024-07-17" for line in lines if line.strip())


def test_it_keeps_an_id_whole(capsys: pytest.CaptureFixture[str]) -> None:
    decision = "dec_55fc56d79f3296e2e60e01334ebf6926"
    print_table("", ("decision", "why"), [(decision, "words " * 20)])
    assert decision in capsys.readouterr().out
