"""The table of commands: what it says of each, and that nothing is loaded before it is called."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from worker.cli.commands import COMMANDS, smart_assign
from worker.cli.lazy import Lazy, Section

#: What --help, --version and completion need not load: each of these costs more than all that they need.
NOT_LOADED = ("celery", "kombu", "pydantic", "redis", "rich", "sqlalchemy", "structlog", "worker.settings")
#: The same of commands that a person waits for, and of what they load to begin with.
_NEVER = ("alembic", "celery", "fastapi", "rich", "structlog", "uvicorn")
_ON_QUEUES = (*_NEVER, "core.rules", "core.phone", "kombu", "phonenumbers", "sqlalchemy")
_ON_SQL = (*_NEVER, "amqp", "kombu", "redis", "worker.handoff")
LIGHT = {
    "send": _ON_QUEUES,
    "dispatch tail": _ON_QUEUES,
    "campaign status": _ON_QUEUES,
    "rules show": (*_ON_SQL, "core.phone", "phonenumbers"),
    "rules list": (*_ON_SQL, "core.phone", "phonenumbers"),
    "explain": _ON_SQL,
    "senders list": _ON_SQL,
}
LOADED = """
import sys
from worker.cli.commands import smart_assign
try:
    smart_assign(sys.argv[1:], prog_name="smart-assign")
finally:
    print("loaded:", *sys.modules)
"""


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
    "words", [["--help"], ["campaign", "--help"], ["accounts", "key", "-h"], ["--version"], ["nonsense"]], ids=str
)
def test_it_loads_no_command_for_help(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, check=False)
    loaded = done.stdout.rpartition("loaded: ")[2].split()
    assert "worker.cli.lazy" in loaded
    assert not {name for name in loaded if name.startswith(NOT_LOADED)}


@pytest.mark.parametrize(("words", "heavy"), LIGHT.items())
def test_it_loads_for_a_command_only_what_it_needs(words: str, heavy: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", LOADED, *words.split(), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    loaded = done.stdout.rpartition("loaded: ")[2].split()
    assert "worker.settings" in loaded
    assert not {name for name in loaded if name in heavy or name.startswith(tuple(f"{each}." for each in heavy))}


@pytest.mark.parametrize(
    ("words", "incomplete", "completed"),
    [
        ([], "se", ["send", "senders"]),
        (["campaign"], "", ["preview", "send", "status"]),
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
