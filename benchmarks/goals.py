"""The performance budget: what every lane has to reach, as ratios and counts within one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import DASH, Spread
from benchmarks.findings import Table

#: How much better than Celery's no-op (prefork 1, Redis) Jasmin, an SMS router in Python, was on another machine where both
#: were measured: 1,850 messages a second beside 800, 600 µs of CPU beside 1,200. A ratio travels better than a rate.
JASMIN_BY_NOOP = {"rate": 1_850 / 800, "cpu": 1_200 / 600}


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on the median of one fact."""

    title: str
    fact: str
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    @property
    def bound(self) -> str:
        """The bound as people write it."""
        sign, value = ("≥", self.at_least) if self.at_least is not None else ("≤", self.at_most)
        return f"{sign} {value:,g}{self.unit}"

    def reached(self, measured: Spread) -> bool:
        """Whether the median keeps the bound."""
        above = self.at_least is None or measured.median >= self.at_least
        return above and (self.at_most is None or measured.median <= self.at_most)


GOALS = (
    Goal("Redis, ingress: CPU of Celery's no-op (prefork 1) ÷ ours", "ingress/celery-noop/cpu", at_least=100),
    Goal("Redis, ingress: rate ÷ that of Jasmin's router, in this run", "ingress/jasmin/rate", at_least=50),
    Goal("Redis, ingress: CPU of Jasmin's router ÷ ours, in this run", "ingress/jasmin/cpu", at_least=50),
    Goal("Redis, ingress: rate ÷ Jasmin's, if 2.3 times the no-op's", "ingress/jasmin-by-noop/rate", at_least=50),
    Goal("Redis, ingress: Jasmin's CPU, if half the no-op's, ÷ ours", "ingress/jasmin-by-noop/cpu", at_least=50),
    Goal("Redis, campaigns as JSON: CPU of the no-op ÷ ours", "campaigns/celery-noop/cpu", at_least=150),
    Goal("Redis, campaigns by Celery: CPU of the no-op ÷ ours", "campaigns-celery/celery-noop/cpu", at_least=150),
    Goal("Redis, `message.assign` by claims: CPU of the no-op ÷ ours", "messages/celery-noop/cpu", at_least=40),
    Goal(
        "Redis, `message.assign` one by one, events off: rate ÷ the no-op's",
        "one-by-one-quiet/celery-noop/rate",
        at_least=0.75,
    ),
    Goal(
        "The same, events on: rate ÷ that of the no-op with events", "one-by-one/celery-noop-events/rate", at_least=0.75
    ),
    Goal("Redis, Flower's events on ÷ off: rate", "ingress/ingress-quiet/rate", at_least=0.90),
    Goal("RabbitMQ, campaigns: rate ÷ Celery publishing", "amqp-campaigns/amqp-celery-publish/rate", at_least=15),
    Goal("RabbitMQ, campaigns: rate ÷ bare py-amqp", "amqp-campaigns/amqp-bare/rate", at_least=0.85),
    Goal("RabbitMQ, campaigns: rate ÷ frames joined beforehand", "amqp-campaigns/amqp-joined/rate", at_least=0.85),
    Goal("RabbitMQ, ingress: rate ÷ Celery publishing", "amqp-ingress/amqp-celery-publish/rate", at_least=6),
    Goal("Redis commands by clients, 1,000 messages, ingress", "counts/ingress/client", at_most=10),
    Goal("The same, `message.assign` by claims", "counts/messages/client", at_most=10),
    Goal("The same, campaigns", "counts/campaigns/client", at_most=10),
    Goal("Redis commands in all, scripts included, ingress", "counts/ingress/all", at_most=10),
    Goal("Redis commands in all, scripts included, `message.assign`", "counts/messages/all", at_most=10),
    Goal("Redis commands in all, scripts included, campaigns", "counts/campaigns/all", at_most=10),
    Goal("SQL statements, 1,000 messages, warm cache", "counts/sql", at_most=0),
    Goal("Cost, accounts that exist: most ÷ least", "growth/accounts", at_most=1.1),
    Goal("Cost, accounts that send, all at once: most ÷ least", "growth/senders-at-once", at_most=1.1),
    Goal("Cost, senders of the account: most ÷ least", "growth/senders", at_most=1.1),
    Goal("Cost, 10 and more messages queued: most ÷ least", "growth/queued", at_most=1.1),
    Goal("Cost, 10,000 and more messages queued: most ÷ least", "growth/long-queue", at_most=1.1),
    Goal("SQL statements of a cold decision", "cold/statements", at_most=3),
    Goal("The same, where Redis has forgotten the account's epoch too", "cold/statements-at-most", at_most=3),
    Goal("Cold decisions a second, one process, one at a time", "cold/rate", at_least=300),
    Goal("The same, 500 in one batch", "cold/batch-rate", at_least=300),
    Goal("Worker child while a campaign passes through: peak RSS", "memory/child", at_most=120, unit=" MB"),
    Goal("Redis bytes kept for a settled message", "memory/redis", at_most=64),
    Goal("Latency, idle system: median", "latency/idle/median", at_most=5, unit=" ms"),
    Goal("Latency, idle system: p99", "latency/idle/p99", at_most=20, unit=" ms"),
    Goal("Latency, 200 a second: median", "latency/200/median", at_most=5, unit=" ms"),
    Goal("Latency, 200 a second: p99", "latency/200/p99", at_most=20, unit=" ms"),
    Goal("Receipts counted a second of CPU, Redis, in lists", "feedback/redis-lists/rate", at_least=20_000),
    Goal("The same, one a document", "feedback/redis-singles/rate", at_least=20_000),
    Goal("The same, RabbitMQ, in lists", "feedback/rabbitmq-lists/rate", at_least=20_000),
    Goal("CPU of `--help`", "startup/help", at_most=0.15, unit=" s"),
    Goal("CPU of `--version`", "startup/version", at_most=0.15, unit=" s"),
    Goal("CPU of completing a command's name", "startup/completion", at_most=0.15, unit=" s"),
    Goal("CPU of `send`", "startup/send", at_most=0.5, unit=" s"),
    Goal("CPU of `dispatch tail`", "startup/dispatch", at_most=0.5, unit=" s"),
    Goal("CPU of `campaign status`", "startup/status", at_most=0.5, unit=" s"),
    Goal("CPU of `rules show`", "startup/rules-show", at_most=0.7, unit=" s"),
    Goal("CPU of `explain`", "startup/explain", at_most=0.7, unit=" s"),
    Goal("CPU of `senders list`", "startup/senders-list", at_most=0.7, unit=" s"),
    Goal("CPU of `rules list`", "startup/rules-list", at_most=1, unit=" s"),
)


def scoreboard(facts: Mapping[str, Spread], goals: Sequence[Goal] = GOALS) -> Table:
    """Every goal beside what was measured."""
    rows = [_row(goal, facts.get(goal.fact)) for goal in goals]
    note = "A goal is judged by the median. In brackets: the lowest and the highest of the repeats."
    return Table("Goals", ("goal", "bound", "measured", ""), rows, note)


def _row(goal: Goal, measured: Spread | None) -> tuple[str, str, str, str]:
    if measured is None:
        return goal.title, goal.bound, DASH, "not measured"
    verdict = "reached" if goal.reached(measured) else "**not reached**"
    return goal.title, goal.bound, f"{measured}{goal.unit}", verdict


def told(facts: Mapping[str, Spread], goals: Sequence[Goal] = GOALS) -> str:
    """One line: how many goals were reached."""
    measured = [(goal, facts[goal.fact]) for goal in goals if goal.fact in facts]
    reached = sum(goal.reached(spread) for goal, spread in measured)
    missing = len(goals) - len(measured)
    return f"{reached} of {len(measured)} goals reached" + (f", {missing} not measured" if missing else "")
