"""How evenly recipients are spread over equal senders, how many move when the pool changes, and what a pick costs."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from benchmarks.figures import DASH, rounded
from benchmarks.findings import Table
from benchmarks.process import ROOT
from core.engine.decision import PoolMember
from core.engine.spread import pick_sender, tickets_of
from core.sender import Sender, SenderType

PAGE = ROOT / "docs" / "spread.md"
BEGIN, END = "<!-- figures: python -m benchmarks.spread --write -->", "<!-- end of figures -->"
#: Mobile numbers of one country, evenly over their range.
RECIPIENTS = [f"+614{number * 997:08d}" for number in range(100_000)]
POOLS = (2, 3, 5, 10, 50)
WEIGHTED = ((1.0, 1.0, 2.0), (1.0, 3.0, 0.5, 10.0), (1.0, 100.0))
TIMED = 20_000
REPEATS = 5


def pool(weights: Iterable[float]) -> list[PoolMember]:
    """Long codes of one account, with these weights."""
    return [
        PoolMember(Sender("acme", f"+6149157{number:04d}", SenderType.LONGCODE, "AU"), weight)
        for number, weight in enumerate(weights)
    ]


def picked(members: Sequence[PoolMember], recipients: Sequence[str] = RECIPIENTS) -> list[str | None]:
    """The sender of each recipient."""
    tickets, names = tickets_of(members), [member.sender.sender_id for member in members]
    return [names[pick_sender(recipient, tickets)] for recipient in recipients]


def moved(before: Sequence[object], after: Sequence[object]) -> float:
    """The share of recipients whose sender is another one, in percent."""
    return 100 * sum(one != other for one, other in zip(before, after, strict=True)) / len(before)


def even() -> Table:
    """Pools of equal weights: shares, and moves."""
    rows = []
    for size in POOLS:
        one, more = pool([1.0] * size), pool([1.0] * (size + 1))
        now, joined = picked(one), picked(more)
        counts = Counter(now)
        least, most = (100 * size * edge / len(RECIPIENTS) for edge in (min(counts.values()), max(counts.values())))
        between = sum(a != b and b != more[-1].sender.sender_id for a, b in zip(now, joined, strict=True))
        by_rest = moved(*([int(recipient) % senders for recipient in RECIPIENTS] for senders in (size, size + 1)))
        rows.append(
            (
                str(size),
                f"{least:.1f}{DASH}{most:.1f}",
                f"{moved(now, joined):.2f}",
                f"{100 / (size + 1):.2f}",
                str(between),
                f"{by_rest:.1f}",
            )
        )
    columns = (
        "senders",
        "least and most loaded, % of an even share",
        "moved when one joins, %",
        "fewest possible, %",
        "moved between the old ones",
        "moved by `number % senders`, %",
    )
    return Table("Equal weights", columns, rows)


def weighted() -> Table:
    """Shares beside weights, and what a doubled weight moves."""
    rows = []
    for weights in WEIGHTED:
        members = pool(weights)
        now = picked(members)
        shares = Counter(now)
        got = " : ".join(f"{100 * shares[each.sender.sender_id] / len(RECIPIENTS):.2f}" for each in members)
        asked = " : ".join(f"{100 * weight / sum(weights):.2f}" for weight in weights)
        doubled = [*weights[:-1], 2 * weights[-1]]
        fewest = 100 * (doubled[-1] / sum(doubled) - weights[-1] / sum(weights))
        change = moved(now, picked(pool(doubled)))
        rows.append((" : ".join(f"{w:g}" for w in weights), asked, got, f"{change:.2f}", f"{fewest:.2f}"))
    columns = ("messages a second", "share asked, %", "share got, %", "moved when the last doubles, %", "fewest, %")
    return Table("Weights", columns, rows)


def cost() -> Table:
    """CPU of a pick."""
    rows = []
    for size in POOLS:
        tickets, found = tickets_of(pool([1.0] * size)), []
        for _ in range(REPEATS):
            at = time.process_time()
            for recipient in RECIPIENTS[:TIMED]:
                pick_sender(recipient, tickets)
            found.append((time.process_time() - at) / TIMED * 1e6)
        rows.append((str(size), rounded(min(found))))
    return Table("Cost", ("senders", "µs a message"), rows)


def main() -> None:
    """Print the tables; with --write, put them into docs/spread.md too."""
    text = "\n\n".join(table.markdown() for table in (even(), weighted(), cost()))
    print(text)
    if "--write" in sys.argv[1:]:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
