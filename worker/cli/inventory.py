"""`smart-assign inventory`: accounts, senders, registrations and defaults from a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import click
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from core.inventory.importing import InventoryImport, InventorySummary
from worker.cli.interrupts import telling
from worker.cli.live import stderr
from worker.cli.output import command, json_option, print_json, print_table, say
from worker.cli.session import open_session, operator
from worker.sending.state import size_of

#: Lines between two looks of the progress bar.
_EVERY = 1000


@click.command("import")
@click.argument("file", type=click.File("rb"))
@json_option
@command
def import_inventory(file: IO[bytes], as_json: bool) -> None:
    """Bring FILE (JSON lines, '-' for stdin) into the database, whole or not at all.

    The same file twice changes nothing. What is in the database and not in the file stays.
    """
    with open_session() as session, _progress(file, shown=not as_json and stderr.is_terminal) as lines:
        importer = InventoryImport(session.store, session.store.active_rules, session.settings.policy)
        with telling(lambda: "a file is brought in whole or not at all; the same command again makes sure of it"):
            summary = importer.run(lines, operator())
    if as_json:
        print_json(summary.as_dict())
    else:
        _print(summary)


def _print(summary: InventorySummary) -> None:
    rows = [(kind, *counts.values()) for kind, counts in summary.as_dict().items()]
    print_table("", ("kind", "created", "updated", "unchanged"), rows)
    say(f"{summary.changed} changed." if summary.changed else "Nothing changed.")


@contextmanager
def _progress(file: IO[bytes], *, shown: bool) -> Iterator[Iterator[bytes]]:
    """The lines of a file, told on a bar while they are read; at its end they are being written."""
    if not shown:
        yield iter(file)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        yield _with_progress(file, progress)


def _with_progress(file: IO[bytes], progress: Progress) -> Iterator[bytes]:
    task = progress.add_task("reading", total=size_of(file))
    done = 0
    for number, line in enumerate(file, 1):
        done += len(line)
        if number % _EVERY == 0:
            progress.update(task, completed=done)
        yield line
    progress.update(task, completed=done, total=done, description="writing")
