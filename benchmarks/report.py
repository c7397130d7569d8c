"""The scoreboard as one Markdown page."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.findings import Findings, Table
from benchmarks.goals import scoreboard, told

INTRODUCTION = """\
# Scoreboard

Written by `make bench ARGS=--write`. Ratios come first: they compare lanes of the same round, on the same services, in
the same minutes, and carry over to other machines better than any figure a second. Every lane's queue is full before
its program starts; a tenth of the messages passes before counting begins. Worker CPU is user and system time of all
processes of the worker, parent and pool; broker CPU that of the server process."""

CAVEATS = """\
## What these figures do not say

* Everything runs on one machine over the loopback interface: worker, broker, database and the program that measures
  share its cores. A rate is what was left for the worker, so CPU a message is the better figure of the two.
* {redis}
* Bodies are 120 characters of ASCII, recipients lie in four countries (one in the growth tables), one account sends
  (where not said otherwise). Decisions are warm: a cold one is measured alone. Longer bodies cost more, in proportion.
* The worker has one pool process where nothing else is said, and its parent, whose CPU is counted too.
* Celery runs as its manual starts it, but without mingle and gossip (ours likewise), results ignored, early
  acknowledgement: it loses what a killed process held, ours does not. dramatiq and taskiq forward a message written
  beforehand, so their figures hold no work of ours.
* "Events on" means that events are published; nobody listens. A Flower that listens costs a core's share of its own.
* RabbitMQ is the machine's own server in a virtual host of this run. Traffic of others on it counts as its CPU.
* Jasmin runs only where `BENCH_JASMIN_PYTHON` names an interpreter that has it, for its pins forbid it an environment with
  ours. Only its router is measured, taking a message from one queue and putting it on another, on RabbitMQ, without
  durable queues and without confirms; it looks a route up in memory, decides no sender, keeps no mark. The goals "if …"
  stand for it where it does not run: they take its distance to Celery's no-op from a machine where both were measured.
* Processes are killed between the runs, so that no run waits for the end of the one before."""

REDIS_IN_MEMORY = (
    "Redis keeps nothing on disk here. With an append-only file (`--aof`) its CPU grows, the worker's does not."
)
REDIS_DURABLE = "Redis keeps an append-only file, synced every second."
QUICK = "**A quick run**: a fifth of the messages, one round. Its figures are rough; none of them is a claim."


def report(findings: Findings, machine: Mapping[str, str], *, durable: bool, quick: bool) -> str:
    """Goals first, then every table, then what the figures do not say."""
    where = Table("Machine", ("what", ""), list(machine.items()))
    caveats = CAVEATS.format(redis=REDIS_DURABLE if durable else REDIS_IN_MEMORY)
    parts = [INTRODUCTION, QUICK if quick else "", f"{told(findings.facts)}.", scoreboard(findings.facts).markdown()]
    parts += [table.markdown() for table in findings.tables]
    parts += [_failures(findings), where.markdown(), caveats]
    return "\n\n".join(part for part in parts if part) + "\n"


def _failures(findings: Findings) -> str:
    if not findings.failures:
        return ""
    texts = "\n\n".join(f"```\n{failure}\n```" for failure in findings.failures)
    return f"## What could not be measured\n\n{texts}"
