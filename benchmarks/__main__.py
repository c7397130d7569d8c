"""`python -m benchmarks`: measures, prints the scoreboard, and with --write keeps it in benchmarks/RESULTS.md."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import cold, counts, feedback, growth, latency, memory, startup
from benchmarks.compare import compare
from benchmarks.findings import Findings
from benchmarks.goals import told
from benchmarks.lanes import board
from benchmarks.machine import describe
from benchmarks.options import Options
from benchmarks.process import MeasurementError
from benchmarks.report import report
from benchmarks.services import Services, services

RESULTS = Path(__file__).with_name("RESULTS.md")
SECTIONS: dict[str, Callable[[Services, Options], Findings]] = {
    "counts": counts.measure,
    "growth": growth.measure,
    "cold": cold.measure,
    "memory": memory.measure,
    "latency": latency.measure,
    "startup": startup.measure,
    "feedback": feedback.measure,
}
GROUPS = {
    "redis": [lane.name for lane in board.REDIS_LANES],
    "rabbitmq": [lane.name for lane in board.AMQP_LANES],
}
QUICK_SCALE = 0.2
ROUNDS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: all was measured, whatever the figures; 1: something could not be."""
    given = _parser().parse_args(arguments)
    if given.list:
        print("\n".join([*GROUPS, *SECTIONS, *board.LANES]))
        return 0
    lanes, sections = _chosen(given.only)
    options = Options(
        repeats=given.repeats or (1 if given.quick else ROUNDS),
        scale=given.scale * (QUICK_SCALE if given.quick else 1),
        full=given.full,
        quick=given.quick,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if given.compare:
        try:
            print(compare(given.compare, _passed(given), given.repeats or ROUNDS, options))
        except MeasurementError as error:
            options.say(f"FAILED, {error}")
            return 1
        return 0
    findings = Findings()
    with services(durable=given.aof) as found:
        machine = describe(found, ["python", "-m", "benchmarks", *(arguments or sys.argv[1:])])
        if lanes:
            findings.add(board.measure(found, options, lanes))
        for name in sections:
            options.say(name)
            _attempt(findings, name, found, options)
    text = report(findings, machine, durable=given.aof, quick=given.quick)
    print(text)
    if given.write:
        RESULTS.write_text(text)
    options.say(told(findings.facts))
    return 1 if findings.failures else 0


def _passed(given: argparse.Namespace) -> list[str]:
    """What both of two revisions are told."""
    flags = [f"--{name}" for name in ("quick", "full", "aof") if getattr(given, name)]
    return [*flags, f"--scale={given.scale}", *([f"--only={given.only}"] if given.only else [])]


def _attempt(findings: Findings, name: str, found: Services, options: Options) -> None:
    try:
        findings.add(SECTIONS[name](found, options))
    except MeasurementError as error:
        findings.failures.append(f"{name}: {error}")
        options.say(f"{name}: FAILED, {str(error).splitlines()[0]}")


def _chosen(only: str | None) -> tuple[list[str], list[str]]:
    if not only:
        return list(board.LANES), list(SECTIONS)
    names = only.split(",")
    unknown = [name for name in names if name not in (GROUPS | SECTIONS | dict(board.LANES))]
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; --list names what there is")
    lanes = [lane for name in names for lane in GROUPS.get(name, [name]) if lane in board.LANES]
    return lanes, [name for name in names if name in SECTIONS]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the messages, one round: about two minutes")
    parser.add_argument("--full", action="store_true", help="adds what takes long: a queue of 10,000,000")
    parser.add_argument("--only", metavar="NAMES", help="lanes, groups and sections, comma between them; see --list")
    parser.add_argument("--repeats", type=int, help="rounds (3; with --quick 1)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the messages of every run")
    parser.add_argument("--aof", action="store_true", help="Redis with an append-only file, synced every second")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    parser.add_argument("--compare", metavar="REV", help="this tree and another revision in turn, and their ratios")
    parser.add_argument("--list", action="store_true", help="what can be named in --only")
    return parser


if __name__ == "__main__":
    sys.exit(main())
