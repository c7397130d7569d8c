"""Tables in text, as wide as the terminal. By ourselves: rich takes a second for the 3,000 rows of `rules list`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from unicodedata import combining, east_asian_width

import click

#: Between two columns.
GAP = "  "
#: Words become no narrower before ids do.
LEAST_WIDTH = 6
#: Characters of the longest id, that of a decision, and some.
LONGEST_ID = 40
#: Tables of more columns wrap them all, for an 80-column terminal holds no more whole ones.
MOST_WHOLE_COLUMNS = 5
#: Where there is no terminal to ask.
_NO_TERMINAL = (80, 24)


def table_lines(columns: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> Iterator[str]:
    """A line of headings, a rule, then the rows; cells are wrapped where the whole is wider than `width`."""
    cells = [tuple(columns), *map(tuple, rows)]
    widths = fitted([max(map(cells_of, column)) for column in zip(*cells, strict=True)], width)
    for number, row in enumerate(cells):
        yield from _row_lines(row, widths)
        if number == 0:
            yield "─" * (sum(widths) + len(GAP) * (len(widths) - 1))


def terminal_width() -> int:
    """Columns of the terminal, or what COLUMNS says."""
    return shutil.get_terminal_size(_NO_TERMINAL).columns


def echo_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print one, the headings bold on a terminal."""
    if title:
        click.echo(title)
    lines = list(table_lines(columns, rows, terminal_width()))
    bold = next((number for number, line in enumerate(lines) if line.startswith("─")), 0)
    click.echo("\n".join([*(click.style(line, bold=True) for line in lines[:bold]), *lines[bold:], ""]))
    sys.stdout.flush()


def fitted(natural: Sequence[int], width: int) -> list[int]:
    """Widths of columns. Where it is too much, words give way first, the widest of them before others; ids stay whole.

    What is longer than any id, and the last column, are words; of many columns all are.
    """
    widths, excess = list(natural), sum(natural) + len(GAP) * (len(natural) - 1) - width
    last, many = len(widths) - 1, len(widths) > MOST_WHOLE_COLUMNS
    words = [place for place, wide in enumerate(widths) if many or place == last or wide > LONGEST_ID]
    while excess > 0 and max(widths) > 1:
        place = max(words, key=widths.__getitem__)
        if widths[place] <= LEAST_WIDTH:
            place = max(range(len(widths)), key=widths.__getitem__)
        widths[place] -= 1
        excess -= 1
    return widths


def _row_lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    if all(len(cell) <= width and cell.isascii() for cell, width in zip(row, widths, strict=True)):
        yield GAP.join(map(str.ljust, row, widths)).rstrip()
        return
    wrapped = [list(wrapped_lines(cell, width)) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, wrapped))):
        pieces = (lines[number] if number < len(lines) else "" for lines in wrapped)
        padded = (piece + " " * (width - cells_of(piece)) for piece, width in zip(pieces, widths, strict=True))
        yield GAP.join(padded).rstrip()


def wrapped_lines(text: str, width: int) -> Iterator[str]:
    """The text in lines of at most `width` cells, between words where that is possible."""
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if cells_of(joined) <= width:
            line = joined
            continue
        if line:
            yield line
        *whole, line = _folded(word, width)
        yield from whole
    yield line


def _folded(word: str, width: int) -> Iterator[str]:
    piece, size = "", 0
    for character in word:
        wide = cells_of(character)
        if piece and size + wide > width:
            yield piece
            piece, size = "", 0
        piece, size = piece + character, size + wide
    yield piece


def cells_of(text: str) -> int:
    """How many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)
