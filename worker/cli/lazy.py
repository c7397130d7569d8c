"""Commands that are loaded when they are called: until then a table knows their names and what they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem

from core.process.loading import load
from core.process.printable import one_line


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command: the sentence that lists show, and where it is, as `module:attribute`."""

    says: str
    place: str

    def load(self, name: str) -> click.Command:
        """The command of that name."""
        found = load(self.place)
        assert isinstance(found, click.Command), self.place
        assert found.name == name, self.place
        return found


@dataclass(frozen=True, slots=True)
class Section:
    """A group of commands."""

    says: str
    commands: Mapping[str, Lazy | Section]

    def load(self, name: str) -> click.Command:
        """The group, none of its commands loaded yet."""
        return LazyGroup(self.commands, name=name, help=self.says)


class LazyGroup(click.Group):
    """A group whose commands stand in a table; help and completion of their names read the table alone."""

    def __init__(self, table: Mapping[str, Lazy | Section], **settings: Any) -> None:
        super().__init__(**settings)
        self._table = table

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; what click has to say of its words, which a script may have from outside, is on one line."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.message = one_line(error.message)  # type: ignore[misc]  # click keeps it for itself
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """By name."""
        return sorted(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # the same
        """Loads it."""
        entry = self._table.get(cmd_name)
        return None if entry is None else entry.load(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One sentence for each."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._table[name].says) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands, then options of the group itself."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=self._table[name].says) for name in names] + options
