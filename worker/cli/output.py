"""What commands print: tables for people on a terminal, or one JSON document on stdout and nothing else there.

Whatever is printed passes through here, and loses what could steer a terminal or begin a line: ids, names and details
come from outside (core/process/printable.py).

Exit codes: 0 done, 1 refused or failed with a clear sentence on stderr, 2 usage, 130 interrupted by Ctrl-C.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from textwrap import indent
from typing import NoReturn, ParamSpec, TypeVar

import click

from core.errors import RefusedError, SmartAssignError
from core.process.loading import load
from core.process.printable import lines_of, one_json_line, one_line
from worker.cli.interrupts import INTERRUPTED, interruptible
from worker.cli.tables import echo_table

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: Loaded when something fails: it knows the errors of every library that a command may use.
_SENTENCE_OF = "worker.cli.failures:sentence_of"

json_option = click.option("--json", "as_json", is_flag=True, help="Machine output on stdout.")


def print_json(document: object) -> None:
    """Print one JSON document on a line of its own."""
    sys.stdout.write(one_json_line(json.dumps(document, ensure_ascii=False, default=str)) + "\n")
    sys.stdout.flush()


def say(sentence: str) -> None:
    """Print a sentence, on a line of its own however long it is."""
    click.echo(one_line(sentence))


def say_lines(text: str) -> None:
    """Print a text with its own line ends, each line indented, so that none looks like one of ours."""
    click.echo(indent(lines_of(text), "  ", lambda _: True))


def warn(sentence: str) -> None:
    """Print a sentence on stderr, beside whatever stdout holds."""
    click.echo(one_line(sentence), err=True)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; what is None is empty."""
    texts = (["" if cell is None else one_line(str(cell)) for cell in row] for row in rows)
    echo_table(one_line(title), columns, texts)


def fail(message: str) -> NoReturn:
    """End with exit code 1 and a sentence on stderr."""
    warn(f"smart-assign: {message}")
    raise SystemExit(1)


def interrupted(done: str) -> NoReturn:
    """End with what shells say of a program that Ctrl-C ended; `done`: what was done, as a clause."""
    warn(f"smart-assign: interrupted{done and ': '}{done}")
    raise SystemExit(INTERRUPTED)


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Turn the errors that a person is meant to read into a sentence and exit code 1."""
    try:
        yield
    except (BrokenPipeError, click.ClickException, click.Abort, click.exceptions.Exit):
        raise  # click ends in silence where who read our output has gone
    except RefusedError as error:
        for field_error in error.errors:
            warn(f"  {field_error.field}: {field_error.reason}")
        fail(str(error))
    except SmartAssignError as error:
        fail(str(error))
    except Exception as error:
        sentence: str | None = load(_SENTENCE_OF)(error)
        if sentence is None:
            raise
        fail(sentence)


def command(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Run a command's function with `errors_as_exit_codes`; put it right above the function, below click's decorators.

    From here on Ctrl-C is a KeyboardInterrupt, which ends the command in a sentence too.
    """

    @wraps(function)
    def told(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            with interruptible(), errors_as_exit_codes():
                return function(*args, **kwargs)
        except KeyboardInterrupt as interrupt:
            interrupted(str(interrupt))
        except click.Abort as abort:
            if not isinstance(abort.__context__, KeyboardInterrupt):  # at a question, there was no more input
                raise
            interrupted("")

    return told
