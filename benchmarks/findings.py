"""What a measurement hands on: tables for people, and facts by name, by which the goals are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.figures import Spread


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a title; `note` says in plain words what the figures mean and what they leave out."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """The table as Markdown: first column to the left, figures to the right."""
        ruler = ["---"] + ["---:"] * (len(self.columns) - 1)
        lines = [f"| {' | '.join(cells)} |" for cells in (self.columns, ruler, *self.rows)]
        parts = [f"## {self.title}", "\n".join(lines), self.note]
        return "\n\n".join(part for part in parts if part)


@dataclass(slots=True)
class Findings:
    """The result of one section. `failures` are sentences; a figure that failed is never shown as one."""

    tables: list[Table] = field(default_factory=list)
    facts: dict[str, Spread] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Take over what another section found."""
        self.tables += other.tables
        self.facts |= other.facts
        self.failures += other.failures
