"""Runs the lanes in rounds, one after another, so that whatever disturbs the machine disturbs them all alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field

from benchmarks.figures import DASH, Rounds, Run, Spread, ratios, spread
from benchmarks.findings import Findings, Table
from benchmarks.goals import JASMIN_BY_NOOP
from benchmarks.lanes import jasmin, limits, ours_redis, rabbitmq, stock_redis
from benchmarks.lanes.lane import Lane
from benchmarks.options import Options
from benchmarks.process import MeasurementError
from benchmarks.services import Services

REDIS_LANES = (*stock_redis.LANES, *ours_redis.LANES, *limits.LANES)
AMQP_LANES = (*rabbitmq.LANES[:4], *jasmin.LANES, *limits.AMQP_LANES, *rabbitmq.LANES[4:])
LANES: Mapping[str, Lane] = {lane.name: lane for lane in (*REDIS_LANES, *AMQP_LANES)}
#: Messages of a run are a multiple of a campaign batch, so that a lane ends where its last batch does.
STEP = {True: 1_000, False: 100}


@dataclass(slots=True)
class Board:
    """The runs of each lane by round, and what failed."""

    runs: dict[str, dict[int, Run]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def rates(self, name: str) -> Rounds:
        """Messages a second, by round."""
        return {number: run.rate for number, run in self.runs.get(name, {}).items()}

    def cpu(self, name: str) -> Rounds:
        """Worker CPU microseconds a message, by round."""
        return {number: run.worker_us for number, run in self.runs.get(name, {}).items()}

    def facts(self) -> dict[str, Spread]:
        """Each lane beside each of its references."""
        found = {}
        for name in self.runs:
            for other in LANES[name].beside:
                found |= self.compared(name, other)
        found |= self.compared("ingress", "jasmin")
        return found | _beside_jasmin_by_noop(found)

    def compared(self, name: str, other: str) -> dict[str, Spread]:
        """One lane beside another; nothing where no round had both."""
        pairs = {
            "cpu": ratios(self.cpu(other), self.cpu(name)),
            "rate": ratios(self.rates(name), self.rates(other)),
        }
        return {f"{name}/{other}/{what}": ratio for what, ratio in pairs.items() if ratio}


def _beside_jasmin_by_noop(facts: Mapping[str, Spread]) -> dict[str, Spread]:
    """What single messages beside Jasmin come to, if Jasmin stands to Celery's no-op as it stood elsewhere."""
    by_noop = {what: facts.get(f"ingress/celery-noop/{what}") for what in JASMIN_BY_NOOP}
    return {
        f"ingress/jasmin-by-noop/{what}": Spread(*(value / JASMIN_BY_NOOP[what] for value in astuple(ratio)))
        for what, ratio in by_noop.items()
        if ratio
    }


def with_references(names: Iterable[str]) -> list[Lane]:
    """The lanes of these names and what they are compared with, in the order of the tables."""
    wanted: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in wanted:
            wanted.add(name)
            pending += LANES[name].beside
    return [lane for lane in LANES.values() if lane.name in wanted]


def measure(services: Services, options: Options, names: Iterable[str]) -> Findings:
    """Run the lanes of these names in rounds."""
    lanes = [lane for lane in with_references(names) if lane.broker == "Redis" or services.rabbitmq]
    board = Board()
    for number in range(options.repeats):
        for lane in lanes:
            _run(board, lane, number, services, options)
    facts = board.facts()
    tables = [
        _table(board, facts, "Lanes on Redis", "celery-noop", [lane for lane in lanes if lane.broker == "Redis"]),
        _table(
            board,
            facts,
            "Lanes on RabbitMQ, publisher confirms, dispatch queue a quorum queue",
            "amqp-celery-publish",
            [lane for lane in lanes if lane.broker == "RabbitMQ"],
        ),
    ]
    return Findings([table for table in tables if table.rows], facts, board.failures)


def _run(board: Board, lane: Lane, number: int, services: Services, options: Options) -> None:
    try:
        run = lane.run(services, options.scaled(lane.messages, STEP[lane.ours or lane.messages >= 10_000]))
    except MeasurementError as error:
        board.failures.append(f"{lane.name}, round {number + 1}: {error}")
        options.say(f"{lane.name}: FAILED, {str(error).splitlines()[0]}")
        return
    board.runs.setdefault(lane.name, {})[number] = run
    options.say(f"round {number + 1}: {lane.name}: {run.rate:,.0f}/s, {run.worker_us:,.1f} µs")


def _table(board: Board, facts: Mapping[str, Spread], title: str, beside: str, lanes: Sequence[Lane]) -> Table:
    columns = (
        "lane",
        f"CPU of `{beside}` ÷ its CPU",
        f"rate ÷ rate of `{beside}`",
        "messages a second",
        "worker CPU, µs a message",
        "broker CPU, µs a message",
    )
    rows = [_row(board, facts, beside, lane) for lane in lanes if lane.name in board.runs]
    return Table(title, columns, rows)


def _row(board: Board, facts: Mapping[str, Spread], beside: str, lane: Lane) -> list[str]:
    runs = list(board.runs[lane.name].values())
    broker = [run.broker_us for run in runs if run.broker_us is not None]
    who = "**ours**: " if lane.ours else ""
    return [
        f"{who}{lane.title} (`{lane.name}`)",
        *(_cell(facts, lane.name, beside, what) for what in ("cpu", "rate")),
        str(spread([run.rate for run in runs])),
        str(spread([run.worker_us for run in runs])),
        str(spread(broker)) if broker else "not known",
    ]


def _cell(facts: Mapping[str, Spread], name: str, beside: str, what: str) -> str:
    found = facts.get(f"{name}/{beside}/{what}")
    return str(found) if found else "1" if name == beside else DASH
