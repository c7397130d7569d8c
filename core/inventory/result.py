"""What an import makes of the lines: rows by kind, and what only the database could show to be wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.errors import FieldError
from core.file_lines import place
from core.inventory.lines import Kind, Line


@dataclass(slots=True)
class Counts:
    """Rows of one kind."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def as_dict(self) -> dict[str, int]:
        """For `--json`."""
        return {"created": self.created, "updated": self.updated, "unchanged": self.unchanged}


@dataclass(slots=True)
class ImportResult:
    """Counts by kind, in the order of writing, and the errors that only the database could show.

    `registered`: which line registers which sender where, for two spellings in one file may be one sender.
    """

    counts: dict[Kind, Counts] = field(default_factory=lambda: {kind: Counts() for kind in Kind})
    errors: list[FieldError] = field(default_factory=list)
    registered: dict[tuple[int, str], int] = field(default_factory=dict)

    def refuse(self, line: Line, name: str, reason: str) -> None:
        """Notes what is wrong with a field of a line."""
        self.errors.append(FieldError(place(line.line, name), reason))

    def count(self, kind: Kind, *, created: int, updated: int, total: int) -> None:
        """Adds rows of which `total` are good and the rest of them unchanged."""
        counts = self.counts[kind]
        counts.created += created
        counts.updated += updated
        counts.unchanged += total - created - updated
