"""The bars that a person sees while a campaign is read, sent and worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from worker.cli.live import stderr
from worker.cli.output import warn
from worker.sending.state import CampaignState


class RateColumn(ProgressColumn):
    """Recipients a second."""

    def render(self, task: Task) -> Text:
        """The speed of the last moments, or nothing yet."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@dataclass
class SendingBar:
    """Tells how far a campaign is sent, and once that it waits for the workers."""

    progress: Progress | None = None
    task: TaskID = field(default=TaskID(0))
    said: bool = False

    def told(self, state: CampaignState) -> None:
        """After a trip."""
        if self.progress is not None:
            self.progress.update(self.task, completed=state.enqueued, description="sending")

    def paused(self, waiting: int) -> None:
        """While the workers catch up."""
        words = f"{waiting:,} batches wait for the workers"
        if self.progress is not None:
            self.progress.update(self.task, description=words)
        elif not self.said:
            warn(f"paused: {words}; going on when they have taken some")
        self.said = True


@contextmanager
def sending_bar(state: CampaignState, *, quiet: bool) -> Iterator[SendingBar]:
    """A bar over the recipients, with rate and time left, on a terminal."""
    if quiet or not stderr.is_terminal:
        yield SendingBar()
        return
    total = "" if state.recipients is None else f" of {state.recipients:,}"
    count = TextColumn("{task.completed:,.0f}" + total)
    columns = (TextColumn("{task.description}"), BarColumn(), count, RateColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        task = progress.add_task("sending", total=state.recipients, completed=state.enqueued)
        yield SendingBar(progress, task)


@contextmanager
def reading_bar(size: int | None, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar over the bytes of the file, on a terminal."""
    if quiet or not stderr.is_terminal:
        yield lambda _: None
        return
    with Progress(
        TextColumn("reading"), BarColumn(), TimeRemainingColumn(), console=stderr, transient=True
    ) as progress:
        task = progress.add_task("", total=size)
        yield lambda offset: progress.update(task, completed=offset)
