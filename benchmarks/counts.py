"""Counted, not timed: Redis commands and SQL statements for each 1,000 messages, on a worker that is warm."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.commands import Commands
from benchmarks.drain import Drained
from benchmarks.figures import DASH, Spread, per_thousand, spread
from benchmarks.findings import Findings, Table
from benchmarks.lanes import ours_redis, rabbitmq, stock_redis
from benchmarks.lanes.board import LANES
from benchmarks.options import Options
from benchmarks.process import MeasurementError, Program, running
from benchmarks.services import Services

COUNTED_APP = "benchmarks.programs.counted_worker"
STAGED = "bench.staged"
END = b"bench.counted"
DRAIN_S = 120.0
MONITOR_S = 60.0


@dataclass(frozen=True, slots=True)
class Counted:
    """A lane to count, with so many messages after a warm-up of so many."""

    name: str
    lane: Drained
    messages: int
    warm: int
    ours: bool


CASES = (
    Counted("celery-noop", stock_redis.LANES[0].run, 1_000, 200, ours=False),  # type: ignore[arg-type]
    Counted("celery-publish", stock_redis.LANES[3].run, 1_000, 200, ours=False),  # type: ignore[arg-type]
    Counted("ingress", ours_redis.INGRESS, 16_000, 4_000, ours=True),
    Counted("messages", ours_redis.MESSAGES, 16_000, 4_000, ours=True),
    Counted("one-by-one", ours_redis.ONE_BY_ONE, 1_000, 200, ours=True),
    Counted("campaigns", ours_redis.CAMPAIGNS, 16_000, 4_000, ours=True),
    Counted("amqp-campaigns", rabbitmq.CAMPAIGNS, 16_000, 4_000, ours=True),
)


class Monitor(threading.Thread):
    """Reads MONITOR until an ECHO of END comes by; keeps nothing but the counts."""

    def __init__(self, services: Services) -> None:
        super().__init__(name="monitor", daemon=True)
        self.commands = Commands()
        self._own = str(services.client.client_info()["addr"]).encode()  # type: ignore[index]
        self._socket = socket.create_connection(("127.0.0.1", services.redis.port), timeout=MONITOR_S)
        self._socket.sendall(b"MONITOR\r\n")
        self._stream = self._socket.makefile("rb")
        assert self._stream.readline().startswith(b"+OK")

    def run(self) -> None:
        """Count line by line."""
        with closing(self._socket):
            for line in self._stream:
                if END in line[-40:]:
                    self.commands.close()
                    return
                self.commands.note(line[:120], self._own)

    def end(self, services: Services) -> Commands:
        """What was counted. Raises MeasurementError where the reader does not keep up."""
        services.client.echo(END)
        self.join(MONITOR_S)
        if self.is_alive():
            raise MeasurementError("MONITOR could not be read in time")
        return self.commands


@dataclass(frozen=True, slots=True)
class Count:
    """What one case took."""

    case: Counted
    messages: int
    commands: Commands
    sql_by_pool: int
    sql_by_parent: int


def measure(services: Services, options: Options) -> Findings:
    """Count each case once: counts do not vary as times do."""
    cases = [case for case in CASES if services.rabbitmq or case.lane.broker == "Redis"]
    counted = [_count(case, services, options) for case in cases]
    facts: dict[str, Spread] = {}
    for each in counted:
        facts[f"counts/{each.case.name}/client"] = spread(
            [per_thousand(each.commands.by_client.total(), each.messages)]
        )
        facts[f"counts/{each.case.name}/all"] = spread([per_thousand(each.commands.all_work, each.messages)])
    facts["counts/sql"] = spread([max(per_thousand(each.sql_by_pool, each.messages) for each in counted)])
    return Findings([_table(counted)], facts)


def _count(case: Counted, services: Services, options: Options) -> Count:
    services.clear()
    messages = case.messages
    with tempfile.TemporaryDirectory(prefix="sa-bench-") as folder:
        log = Path(folder) / "sql"
        log.touch()
        with running(_program(case, services, log)) as worker:
            worker.until_logged(" ready.")
            # Twice, because the first claim of a new worker is a small one.
            for numbers in (range(case.warm // 2), range(case.warm // 2, case.warm)):
                _send(case, services, numbers)
                worker.until(lambda to=numbers.stop: _through(case, services, to), DRAIN_S, "the warm-up was through")
            log.write_text("")
            monitor = Monitor(services)
            monitor.start()
            _send(case, services, range(case.warm, case.warm + messages))
            total = case.warm + messages
            worker.until(lambda: _through(case, services, total), DRAIN_S, "all was through", poll_s=0.02)
            commands = monitor.end(services)
            pids = log.read_text().split()
            by_parent = pids.count(str(worker.process.pid))
    options.say(f"{case.name}: {per_thousand(commands.all_work, messages):,.1f} Redis commands per 1,000")
    return Count(case, messages, commands, len(pids) - by_parent, by_parent)


def _program(case: Counted, services: Services, log: Path) -> Program:
    program = case.lane.program(services)
    if not case.ours:
        return program
    command = [COUNTED_APP if word == "worker" and before == "-A" else word for before, word in _pairs(program.command)]
    return replace(program, command=command, environment={**program.environment, "BENCH_SQL_LOG": str(log)})


def _pairs(words: object) -> Iterator[tuple[str, str]]:
    listed = [str(word) for word in words]  # type: ignore[attr-defined]
    return zip(["", *listed], listed, strict=False)


def _send(case: Counted, services: Services, numbers: range) -> None:
    """Put the messages on the queue at one stroke, as if they had stood there."""
    if case.lane.broker != "Redis":
        case.lane.fill(services, numbers, case.lane.queue)
        return
    case.lane.fill(services, numbers, STAGED)
    services.client.rename(STAGED, case.lane.queue)


def _through(case: Counted, services: Services, total: int) -> bool:
    if case.name == "celery-noop":
        return not services.client.llen(case.lane.queue)
    return case.lane.done(services, total) >= total


def _table(counted: list[Count]) -> Table:
    rows = [_row(each) for each in counted]
    columns = ("lane", "by clients", "in all", "waiting", "SQL by the pool", "most of them")
    note = (
        "Read from MONITOR. By clients: what a program sends, a round trip each unless pipelined. In all: with the "
        "commands inside scripts. Waiting: commands beyond both that only looked for work; they come by time, so a "
        "slow or idle machine has more of them. SQL statements are those of the pool; the parent's housekeeper sends "
        "one every five seconds whatever passes."
    )
    return Table("Redis commands and SQL statements per 1,000 messages", columns, rows, note)


def _row(each: Count) -> list[str]:
    def share(count: int) -> str:
        return f"{per_thousand(count, each.messages):,.1f}"

    commands = each.commands
    title = ("**ours**: " if each.case.ours else "") + f"{LANES[each.case.name].title} (`{each.case.name}`)"
    return [
        title,
        share(commands.client_work),
        share(commands.all_work),
        share(commands.waiting_in_all),
        f"{per_thousand(each.sql_by_pool, each.messages):g}" if each.case.ours else DASH,
        ", ".join(f"{name} {share(count)}" for name, count in commands.in_all.most_common(6)),
    ]
