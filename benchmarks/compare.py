"""`--compare REV`: another revision and this one in turn, each measured by its own benchmarks in an environment of its own.

What both print is compared, cell by cell of their tables: so it works for every revision that prints tables, whatever its
code is called.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import ratios, spread
from benchmarks.findings import Table
from benchmarks.options import Options
from benchmarks.process import ROOT, MeasurementError

#: These hold nothing that was measured, or what stands in other tables.
_LEFT_OUT = frozenset({"Goals", "Machine"})
_FIGURE = re.compile(r"[0-9][0-9,]*(\.[0-9]+)?")
#: What the Makefile installs a revision and all that it is measured against by.
_INSTALLED = ".venv/.bench"

_OLD, _NEW = "old", "new"


class Cell(NamedTuple):
    """Where a figure stands on a page of results."""

    table: str
    line: str
    column: str


#: The figures of each cell: revision -> round -> figure.
Figures = Mapping[Cell, Mapping[str, Mapping[int, float]]]


def compare(revision: str, passed: Sequence[str], rounds: int, options: Options) -> str:
    """Both revisions' figures and their ratios round by round, as Markdown. Raises MeasurementError.

    `passed`: options for both. Which of the two is first changes from round to round.
    """
    with _checked_out(revision) as tree:
        options.say(f"installing {revision}")
        _run(["make", _INSTALLED], tree)
        programs = {_OLD: (f"{tree}/.venv/bin/python", tree), _NEW: (sys.executable, ROOT)}
        figures: dict[Cell, dict[str, dict[int, float]]] = defaultdict(lambda: {_OLD: {}, _NEW: {}})
        for number in range(rounds):
            for name in sorted(programs, reverse=number % 2 == 0):
                options.say(f"round {number + 1} of {rounds}: {name}")
                python, folder = programs[name]
                page = _run([python, "-m", "benchmarks", "--repeats=1", *passed], folder)
                for cell, figure in figures_of(page).items():
                    figures[cell][name][number] = figure
    return "\n\n".join(table.markdown() for table in tables(figures, revision))


def figures_of(page: str) -> Mapping[Cell, float]:
    """The first figure of every cell of a page of Markdown tables, of a median with its spread the median."""
    found: dict[Cell, float] = {}
    title, columns = "", list[str]()
    for text in page.splitlines():
        if text.startswith("#"):
            title, columns = text.lstrip("# "), []
        elif text.startswith("| ") and title not in _LEFT_OUT:
            line, *cells = (cell.strip() for cell in text.strip("| ").split(" | "))
            if not columns:
                columns = cells
            elif not line.startswith("---"):
                held = ((column, _FIGURE.match(cell)) for column, cell in zip(columns, cells, strict=False))
                found |= {Cell(title, line, column): _number(figure) for column, figure in held if figure}
    return found


def tables(figures: Figures, revision: str) -> Sequence[Table]:
    """One for each table that both revisions print; what only one of them prints is left out."""
    rows: dict[str, list[list[str]]] = defaultdict(list)
    for cell, held in figures.items():
        ratio = ratios(held[_NEW], held[_OLD])
        if ratio is not None:
            medians = (str(spread([*held[name].values()])) for name in (_OLD, _NEW))
            rows[cell.table].append([f"{cell.line}: {cell.column}", *medians, str(ratio)])
    columns = ("what", revision, "this tree", "this tree ÷ " + revision)
    return [Table(title, columns, lines) for title, lines in rows.items()]


def _number(figure: re.Match[str]) -> float:
    return float(figure[0].replace(",", ""))


@contextmanager
def _checked_out(revision: str) -> Iterator[Path]:
    """The revision in a folder of its own, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="sa-compare-") as folder:
        tree = Path(folder) / "tree"
        _run(["git", "worktree", "add", "--quiet", "--detach", str(tree), revision], ROOT)
        try:
            yield tree
        finally:
            _run(["git", "worktree", "remove", "--force", str(tree)], ROOT)


def _run(command: Sequence[str], folder: Path) -> str:
    """What a program printed; its words on stderr are shown as they come. Raises MeasurementError where it fails."""
    # With kept bytecode, as it is used: else commands would be measured with the compiler.
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise MeasurementError(f"`{' '.join(command)}` ended with {done.returncode}\n{done.stdout[-2000:]}")
    return done.stdout
