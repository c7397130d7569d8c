"""What changes in place on a terminal: bars and tables that are watched. Loaded by its name, where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from core.process.printable import one_line

#: For people; on stdout.
console = Console(highlight=False)
#: For people, beside machine output; on stderr.
stderr = Console(stderr=True, highlight=False)


def shown(value: object, style: str = "") -> Text:
    """A value as it may be printed, on one line, without markup; None is empty."""
    return Text("" if value is None else one_line(str(value)), style)


@contextmanager
def watched() -> Iterator[Callable[[str], None]]:
    """Shows a text of several lines in the place of the one before."""
    with Live(console=console, auto_refresh=False) as live:
        yield lambda text: live.update(Text(text), refresh=True)


@contextmanager
def bar_of_bytes(size: int | None) -> Iterator[Callable[[int, int], None]]:
    """A bar over the bytes of a file of messages; hears how many bytes and messages are done."""
    columns = (TextColumn("{task.fields[messages]:,} messages"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        task = progress.add_task("", total=size, messages=0)
        yield lambda done, messages: progress.update(task, completed=done, messages=messages)
