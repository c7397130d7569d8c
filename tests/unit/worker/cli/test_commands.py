"""The table of commands: what it says of each, and that nothing is loaded before it is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from worker.cli.commands import COMMANDS, smart_assign
from worker.cli.lazy import Lazy, Section


def entries(table: Mapping[str, Lazy | Section], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Lazy]]:
    for name, entry in table.items():
        if isinstance(entry, Section):
            yield from entries(entry.commands, (*above, name))
        else:
            yield (*above, name), entry


EACH = pytest.mark.parametrize(
    ("words", "entry"), [pytest.param(words, entry, id=" ".join(words)) for words, entry in entries(COMMANDS)]
)


@EACH
def test_it_lists_each_command_with_the_first_sentence_of_its_help(words: tuple[str, ...], entry: Lazy) -> None:
    command = entry.load(words[-1])
    assert command.help is not None
    assert f"{' '.join(command.help.split())} ".startswith(f"{entry.says} ")


@EACH
def test_it_shows_the_help_of_each_command(words: tuple[str, ...], entry: Lazy) -> None:
    shown = CliRunner().invoke(smart_assign, [*words, "--help"], prog_name="smart-assign")
    assert shown.exit_code == 0
    assert shown.output.startswith(f"Usage: smart-assign {' '.join(words)} ")
    assert "--json" in shown.output


@pytest.mark.parametrize(
    ("words", "incomplete", "completed"),
    [
        ([], "se", ["send", "senders"]),
        (["campaign"], "", ["list", "preview", "send", "status"]),
        (["accounts", "key"], "re", ["revoke"]),
        (["dispatch", "tail"], "--dr", ["--drain"]),
        ([], "nonsense", []),
    ],
    ids=str,
)
def test_it_completes_names_at_every_level(words: list[str], incomplete: str, completed: list[str]) -> None:
    shell = ShellComplete(smart_assign, {}, "smart-assign", "_SMART_ASSIGN_COMPLETE")
    assert [item.value for item in shell.get_completions(words, incomplete)] == completed


def test_it_refuses_a_command_that_it_does_not_have() -> None:
    shown = CliRunner().invoke(smart_assign, ["sned"], prog_name="smart-assign")
    assert shown.exit_code == 2
    assert "No such command 'sned'" in shown.stderr
