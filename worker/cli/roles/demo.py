"""`smart-assign demo`: the sample through a worker, shown as a table of who sent what where, and why."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from core.engine.graded_sender import label
from core.errors import RefusedError
from core.sender import SenderType
from worker.cli.live import console
from worker.cli.output import command, json_option, print_json
from worker.demo.run import CAMPAIGN, Demo, DemoResult, Standing
from worker.embedded.places import private_folder

#: Lines of the table unless all are asked for: one for each country, of the kinds that are rarest in the sample.
SHOWN_LINES = 16


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which an account's messages to a country were sent."""

    account: str
    sender: str
    sender_type: str
    source: str
    reason: str
    grade: str
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Way:
        """The way of an enriched message."""
        why = message["assignment"]
        return cls(
            account=message["subaccount_id"] or message["account_id"],
            sender=label(message["sender_id"], SenderType(message["sender_type"])),
            sender_type=message["sender_type"],
            source=why["source"],
            reason=why["reason"],
            grade=why["grade"],
            warnings=tuple(why["warnings"]),
        )

    @property
    def kind(self) -> tuple[object, ...]:
        """What makes the line worth showing."""
        return self.sender_type, self.source, self.reason, self.warnings


Ways = Mapping[str, Sequence[tuple[Way, int]]]


@click.command()
@click.option("--all", "everything", is_flag=True, help="Show every country and every sender.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the demo's data in this folder, which must be new or empty, to look at it with the other commands.",
)
@json_option
@command
def demo(everything: bool, keep: Path | None, as_json: bool) -> None:
    """Show the product at work: its own Redis, database and worker, sample accounts, messages and a campaign.

    It uses nothing that is configured, touches no queue but its own, and puts everything away at the end.
    """
    with ExitStack() as stack:
        folder = _folder(keep, stack)
        say, show = stack.enter_context(_steps(as_json))
        outcome = Demo(folder, say, show).run()
    ways = ways_by_country(outcome.dispatched)
    if as_json:
        print_json(document(outcome, ways))
    else:
        _print(outcome, ways, everything)
        _print_hint(outcome, keep)
    if not outcome.adds_up:
        raise SystemExit(1)


def _folder(keep: Path | None, stack: ExitStack) -> Path:
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="smart-assign-demo-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder
    if keep.exists() and any(keep.iterdir()):
        raise RefusedError(f"{keep} is not empty; the demo needs a new folder")
    return private_folder(keep)


@contextmanager
def _steps(as_json: bool) -> Iterator[tuple[Callable[[str], None], Callable[[Standing], None]]]:
    """How steps and progress are told: a bar on a terminal, lines in a pipe, nothing beside JSON."""
    if as_json:
        yield (lambda _: None), (lambda _: None)
        return
    if not console.is_terminal:
        yield (lambda text: console.print(text, markup=False, soft_wrap=True)), (lambda _: None)
        return
    columns = (TextColumn("  settled"), BarColumn(), TaskProgressColumn(), TextColumn("{task.completed:,}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("", total=None, completed=0)
        yield (
            lambda text: progress.console.print(Text.assemble(("✓ ", "green"), text), soft_wrap=True),
            lambda standing: progress.update(task, total=standing.sent, completed=standing.settled),
        )


def ways_by_country(dispatched: Sequence[Mapping[str, Any]]) -> Ways:
    """For each country, most messages first, how they were sent, the most common way first."""
    counts: dict[str, Counter[Way]] = {}
    for message in dispatched:
        counts.setdefault(message["country"], Counter())[Way.of(message)] += 1
    order = sorted(counts, key=lambda country: (-counts[country].total(), country))
    return {country: counts[country].most_common() for country in order}


def parked_by_reason(notices: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, str]]:
    """Reason, how many, and the words of one of them; the most common first."""
    counts = Counter(notice["reason"] for notice in notices)
    words = {notice["reason"]: notice["detail"] for notice in notices}
    return [(reason, count, words[reason]) for reason, count in counts.most_common()]


def document(outcome: DemoResult, ways: Ways) -> dict[str, object]:
    """The summary of `demo --json`."""
    return {
        "ok": outcome.adds_up,
        "sent": outcome.sent,
        "dispatched": len(outcome.dispatched),
        "parked": {reason: count for reason, count, _ in parked_by_reason(outcome.notices)},
        "duplicates": outcome.duplicates,
        "lost": outcome.lost,
        "twice": outcome.twice,
        "campaign": outcome.campaign.document(),
        "seconds": round(outcome.seconds, 3),
        "countries": [{"country": country, "senders": [_sender(*way) for way in ways[country]]} for country in ways],
    }


def _sender(way: Way, messages: int) -> dict[str, object]:
    return {
        "account": way.account,
        "sender": way.sender,
        "sender_type": way.sender_type,
        "messages": messages,
        "source": way.source,
        "reason": way.reason,
        "grade": way.grade,
        "warnings": way.warnings,
    }


def _print(outcome: DemoResult, ways: Ways, everything: bool) -> None:
    for line in (*_sender_lines(ways, everything), *_parked_lines(outcome)):
        console.print(line, no_wrap=True, crop=False, overflow="ignore")
    console.print(_campaign_line(outcome), soft_wrap=True)
    console.print(_account_line(outcome), soft_wrap=True)


def _sender_lines(ways: Ways, everything: bool) -> Iterator[Text]:
    """Whole words in every column, which 80 columns hold; warnings stand below their line."""
    lines = [(country, way, count) for country in ways for way, count in ways[country]]
    shown = sorted(lines if everything else telling(lines), key=lambda line: line[0])
    headings = Text("To"), Text("Account"), Text("Sender"), Text("Type"), Text("Why")
    rows = [headings, *((Text(country), *_cells(way)) for country, way, _ in shown)]
    warnings = [(), *(way.warnings for _, way, _ in shown)]
    yield Text("\nWho sent what where, and why\n", "bold")
    for line, below in zip(_aligned(rows), warnings, strict=True):
        yield line
        if below:
            yield Text(f"    ! {', '.join(below)}", "yellow")
    if len(shown) < len(lines):
        yield Text(f"{len(shown)} of {len(lines):,} lines; --all shows them all", "dim")


def _aligned(rows: Sequence[Sequence[Text]]) -> Iterator[Text]:
    """Rows of cells as lines of columns, the first of them headings."""
    widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        for cell, width in zip(row, widths, strict=True):
            cell.pad_right(width - cell.cell_len)
        line = Text("  ").join(row)
        line.rstrip()
        if number == 0:
            line.stylize("bold underline")
        yield line


def telling(lines: Sequence[tuple[str, Way, int]]) -> list[tuple[str, Way, int]]:
    """One line for each of SHOWN_LINES countries: of the kinds of which there are fewest messages."""
    kinds: Counter[tuple[object, ...]] = Counter()
    for _, way, count in lines:
        kinds[way.kind] += count
    best: dict[str, tuple[str, Way, int]] = {}
    for line in sorted(lines, key=lambda line: (kinds[line[1].kind], -line[2], line[0])):
        best.setdefault(line[0], line)
    return list(best.values())[:SHOWN_LINES]


def _cells(way: Way) -> tuple[Text, ...]:
    colour = "yellow" if way.grade != "compliant" else "green"
    why = way.reason if way.source == "smart" else way.source
    return Text(way.account), Text(way.sender, "bold"), Text(way.sender_type), Text(why, colour)


def _parked_lines(outcome: DemoResult) -> Iterator[Text]:
    """Reason and number whole, and as much of one of the details as the line holds."""
    found = parked_by_reason(outcome.notices)
    rows = [(Text("Reason"), Text("Messages"), Text("For example"))]
    rows += [(Text(reason, "red"), Text(f"{count:8,}"), Text(words)) for reason, count, words in found]
    yield Text("\nParked, kept to be replayed\n", "bold")
    for line in _aligned(rows):
        line.truncate(console.width, overflow="ellipsis")
        yield line
    yield Text("")


def _campaign_line(outcome: DemoResult) -> Text:
    told = outcome.campaign
    parked = sum(told.parked.values())
    return Text(
        f"Campaign {CAMPAIGN}: {told.received:,} recipients received = {told.dispatched:,} dispatched "
        f"+ {parked:,} parked + {told.duplicates:,} duplicates (a batch that came twice)"
    )


def _account_line(outcome: DemoResult) -> Text:
    parts = (
        f"Messages: {outcome.sent:,} sent = {len(outcome.dispatched):,} dispatched "
        f"+ {len(outcome.notices):,} parked + {outcome.duplicates:,} duplicates"
    )
    verdict = (
        Text(f"Nothing lost, nothing twice, in {outcome.seconds:.1f} s.", "bold green")
        if outcome.adds_up
        else Text(f"This does not add up: {outcome.lost} lost, {outcome.twice} twice.", "bold red")
    )
    return Text.assemble(parts, "\n", verdict)


def _print_hint(outcome: DemoResult, keep: Path | None) -> None:
    """How to look at one decision, of those that are worth a look."""
    warned = [each for each in outcome.dispatched if each["assignment"]["warnings"]] or list(outcome.dispatched)
    if not warned:
        return
    decision = warned[0]["assignment"]["decision_id"]
    if keep is None:
        hint = "To look closer: smart-assign demo --keep demo-data"
    else:
        hint = f"Why in full: SMART_ASSIGN_DATA_DIR={keep} smart-assign explain --decision {decision}"
    console.print(Text(hint, "dim"), soft_wrap=True)
