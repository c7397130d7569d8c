"""Whether a message costs the same, however many accounts, senders and queued messages there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.documents import as_json, message_of
from benchmarks.drain import Drained, Reading, on_list
from benchmarks.figures import DASH, Rounds, Run, Spread, ratios, spread
from benchmarks.findings import Findings, Table
from benchmarks.inventory import account_name, build
from benchmarks.lanes.ours_redis import NAMES, fill_messages, program, push
from benchmarks.options import Options
from benchmarks.process import Program, Running, running
from benchmarks.services import Services

#: A lap is sent, awaited, and the next one sent: so that never more than it are queued. So many that the steps of the
#: CPU's clock, 10 ms, do not count.
LAP_MESSAGES = 80_000
DRAIN_S = 240.0
#: From here on a queue fills whole claims.
LONG_QUEUE = 10_000
STAGED = "bench.staged"
DISPATCHED = on_list(NAMES.dispatch_queue)


@dataclass(frozen=True, slots=True)
class Point:
    """One size at which the cost is measured."""

    label: str
    run: Callable[[Services], Run]


def measure(services: Services, options: Options) -> Findings:
    """The four kinds of growth."""
    series = {
        "accounts": ("accounts that exist, one sends", _accounts(services, options, all_send=False)),
        "senders-at-once": ("accounts that send, all at once, in turn", _accounts(services, options, all_send=True)),
        "senders": ("senders of the account", _senders(services, options)),
        "queued": ("messages queued", _queued(options)),
    }
    findings = Findings()
    rows: list[list[str]] = []
    for name, (title, points) in series.items():
        options.say(f"growth: {title}")
        runs = _rounds(points, services, options)
        findings.facts[f"growth/{name}"] = _unevenness(runs)
        if name == "queued":
            long = {label: each for label, each in runs.items() if int(label.replace(",", "")) >= LONG_QUEUE}
            findings.facts["growth/long-queue"] = _unevenness(long)
        rows += _rows(title, points, runs)
    note = (
        "Worker CPU a message on Redis, all to Australia, so that one decision serves an account. Where accounts send "
        "in turn, every message of a claim belongs to another account, the worst there is: groups of one. Their "
        "decisions are in Redis, and in the process as far as its 50,000 entries go. Where few messages are queued, "
        "claims are as small, and each claim is a Celery task: that price is shared by the messages of the claim."
    )
    columns = ("what grows", "size", "worker CPU, µs a message", "÷ the first", "messages a second")
    findings.tables.append(Table("Growth", columns, rows, note))
    return findings


def _rounds(points: Sequence[Point], services: Services, options: Options) -> dict[str, dict[int, Run]]:
    runs: dict[str, dict[int, Run]] = {point.label: {} for point in points}
    for number in range(options.repeats):
        for point in points:
            run = runs[point.label][number] = point.run(services)
            options.say(f"round {number + 1}: {point.label}: {run.worker_us:,.1f} µs")
    return runs


def _cpu(runs: Mapping[int, Run]) -> Rounds:
    return {number: run.worker_us for number, run in runs.items()}


def _unevenness(runs: Mapping[str, Mapping[int, Run]]) -> Spread:
    """The largest cost ÷ the smallest, of the medians: 1 is flat."""
    medians = [spread(list(_cpu(each).values())).median for each in runs.values()]
    return spread([max(medians) / min(medians)])


def _rows(title: str, points: Sequence[Point], runs: Mapping[str, Mapping[int, Run]]) -> list[list[str]]:
    first = _cpu(runs[points[0].label])
    rows = []
    for point in points:
        each = runs[point.label]
        cost = spread(list(_cpu(each).values()))
        rates = spread([run.rate for run in each.values()])
        rows.append([title, point.label, str(cost), str(ratios(_cpu(each), first) or DASH), str(rates)])
    return rows


def _fill_of(accounts: int, services: Services, numbers: range, queue: str) -> None:
    push(services, queue, (as_json(message_of(account_name(number % accounts), number)) for number in numbers))


def _ours(database_url: str, services: Services) -> Program:
    return services.ours(services.deployment("Redis", database_url=database_url))


def _accounts(services: Services, options: Options, *, all_send: bool) -> list[Point]:
    largest = 10_000 if options.quick else 100_000
    sizes = (1, 1_000, largest) if all_send else (1, largest)
    messages = options.scaled(200_000, 1_000)
    points = []
    for size in sizes:
        url = _database(services, accounts=size)
        lane = Drained(
            "Redis", NAMES.ingress_queue, partial(_fill_of, size if all_send else 1), partial(_ours, url), DISPATCHED
        )
        warm = size if all_send else 0
        points.append(Point(f"{size:,}", partial(_warmed, lane, warm, max(messages, size))))
    return points


def _senders(services: Services, options: Options) -> list[Point]:
    messages = options.scaled(100_000, 1_000)
    points = []
    for size in (1, 1_000):
        url = _database(services, accounts=1, senders=size)
        lane = Drained("Redis", NAMES.ingress_queue, partial(_fill_of, 1), partial(_ours, url), DISPATCHED)
        points.append(Point(f"{size:,}", partial(_warmed, lane, 0, messages)))
    return points


def _database(services: Services, *, accounts: int, senders: int = 1) -> str:
    path = services.folder / f"growth-{accounts}-{senders}.sqlite3"
    url = f"sqlite:///{path}"
    if not path.exists():
        build(url, accounts, senders)
    return url


def _warmed(lane: Drained, warm: int, messages: int, services: Services) -> Run:
    """A run of `lane` whose first `warm` messages, one of each account, are not counted.

    Decisions of many accounts are left from run to run: it takes a minute to make 100,000 of them.
    """
    services.clear(keep_decisions=warm > 0)
    lane.fill(services, range(warm), lane.queue)
    with running(lane.program(services)) as worker:
        worker.until_logged(" ready.")
        total = _settled(services, worker, warm)
        lane.fill(services, range(total, total + messages // 10), lane.queue)
        total = _settled(services, worker, total + messages // 10)
        lane.fill(services, range(total, total + messages), STAGED)
        done = partial(DISPATCHED, services, 0)
        first = Reading.of(worker, done, services.redis_process)
        services.client.rename(STAGED, lane.queue)
        _settled(services, worker, total + messages)
        return Reading.of(worker, done, services.redis_process).since(first)


def _settled(services: Services, worker: Running, total: int) -> int:
    worker.until(lambda: DISPATCHED(services, 0) >= total, DRAIN_S, f"{total} messages were through")
    return total


def _queued(options: Options) -> list[Point]:
    sizes = [10, 1_000, 10_000]
    long = [100_000] if options.quick else [100_000, 1_000_000]
    points = [Point(f"{size:,}", partial(_in_laps, size, options.scaled(LAP_MESSAGES, 10_000))) for size in sizes]
    points += [Point(f"{size:,}", partial(_queue_of, size)) for size in long]
    if options.full:
        points.append(Point("10,000,000", partial(_queue_of, 10_000_000)))
    return list(reversed(points))


def _in_laps(size: int, messages: int, services: Services) -> Run:
    """`messages` in laps of `size`, each sent when the one before is through."""
    services.clear()
    laps = max(1, min(messages // size, 1_000))
    with running(program()(services)) as worker:
        worker.until_logged(" ready.")
        done = partial(DISPATCHED, services, 0)
        total = 0
        for counted in (3, laps):  # three laps warm it
            first = Reading.of(worker, done, services.redis_process)
            for _ in range(counted):
                fill_messages(services, range(total, total + size), STAGED)
                services.client.rename(STAGED, NAMES.ingress_queue)
                total = _settled(services, worker, total + size)
        return Reading.of(worker, done, services.redis_process).since(first)


def _queue_of(size: int, services: Services) -> Run:
    """The first 80,000 messages of a queue of `size`, after as many as warm the worker."""
    services.clear()
    fill_messages(services, range(size), NAMES.ingress_queue)
    done = partial(DISPATCHED, services, 0)
    with running(program()(services)) as worker:
        worker.until(lambda: done() >= 8_000, DRAIN_S, "the first were through")
        first = Reading.of(worker, done, services.redis_process)
        worker.until(lambda: done() >= 88_000, DRAIN_S, "80,000 more were through")
        return Reading.of(worker, done, services.redis_process).since(first)
