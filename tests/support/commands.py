"""The names of all commands, out of the program's own table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from worker.cli.commands import COMMANDS
from worker.cli.lazy import Lazy, Section


def command_names(
    table: Mapping[str, Lazy | Section] = COMMANDS, above: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    for name, entry in table.items():
        if isinstance(entry, Section):
            yield from command_names(entry.commands, (*above, name))
        else:
            yield (*above, name)
