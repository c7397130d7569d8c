"""The catalogue of what can be measured: every metric by its name, its labels, and what it means to who operates it.

Each label has few values, and none is an account, a number or a text that came from outside. What a process counts by itself
(`counted`) is kept in `core/metrics/counts.py`; the rest is looked at. docs/metrics.md is written from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from core.errors import ParkReason

#: The value of a label that stands for all that its list does not name.
OTHER = "other"


class Kind(StrEnum):
    """The types of Prometheus's text format that are in use."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Role(StrEnum):
    """Who serves a metric at its `/metrics`."""

    WORKER = "worker"
    SCHEDULER = "scheduler"
    API = "api"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is as it stands in the text; of a histogram, without `_bucket`, `_sum` and `_count`.

    `labels` gives each label the values that it may have; none: they are bounded by the settings or the code, as `words` say.
    """

    name: str
    kind: Kind
    words: str
    roles: frozenset[Role]
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()
    counted: bool = False


CATALOGUE: dict[str, Metric] = {}


def _listed(metric: Metric) -> Metric:
    assert metric.name not in CATALOGUE
    CATALOGUE[metric.name] = metric
    return metric


_WORKER = frozenset({Role.WORKER})
_OBSERVERS = frozenset({Role.WORKER, Role.SCHEDULER})
_EVERY = frozenset(Role)
_API = frozenset({Role.API})


def _counter(name: str, words: str, labels: Mapping[str, tuple[str, ...]] | None = None) -> Metric:
    return _listed(Metric(f"smart_assign_{name}_total", Kind.COUNTER, words, _WORKER, labels or {}, counted=True))


def _histogram(
    name: str, words: str, buckets: tuple[float, ...], labels: Mapping[str, tuple[str, ...]] | None = None
) -> Metric:
    metric = Metric(f"smart_assign_{name}", Kind.HISTOGRAM, words, _WORKER, labels or {}, buckets, counted=True)
    return _listed(metric)


def _gauge(
    name: str, words: str, roles: frozenset[Role] = _WORKER, labels: Mapping[str, tuple[str, ...]] | None = None
) -> Metric:
    return _listed(Metric(f"smart_assign_{name}", Kind.GAUGE, words, roles, labels or {}))


# ---- labels whose values are known beforehand ----

SINGLE, CAMPAIGN, RESEND = "single", "campaign", "resend"
#: Single messages, campaign batches, and messages that a dispatcher asked to be assigned anew.
LANES = (SINGLE, CAMPAIGN, RESEND, OTHER)
REASONS = (*(str(reason) for reason in ParkReason), OTHER)
#: Who chose the sender (`core.engine.decision.Source`), or that no sender was found.
NO_SENDER = "none"
SOURCES = ("explicit", "override", "default", "inherited_default", "smart", "resend", NO_SENDER, OTHER)
PROCESS, REDIS, SQL = "process", "redis", "sql"
#: Where a decision was found: in the process, in Redis, or made anew from SQL.
CACHES = (PROCESS, REDIS, SQL)
#: A receipt was counted, or broke the contract and is parked.
COUNTED, REFUSED = "counted", "parked"
ATTEMPTS = ("1", "2", "3", "4", "5", "more")
_QUEUES: Mapping[str, tuple[str, ...]] = {"queue": ()}
_LANES = {"lane": LANES}

# ---- what becomes of messages ----

MESSAGES_IN = _counter(
    "messages_in", "Messages and recipients of campaigns that were settled: dispatched, parked or duplicates.", _LANES
)
MESSAGES_DISPATCHED = _counter("messages_dispatched", "Messages handed to the dispatch queue.", _LANES)
MESSAGES_PARKED = _counter("messages_parked", "Messages that were parked, by reason.", _LANES | {"reason": REASONS})
MESSAGES_DUPLICATE = _counter(
    "messages_duplicate", "Messages dropped because they had been dispatched before within the window.", _LANES
)
MESSAGES_DEFERRED = _counter(
    "messages_deferred", "Messages put off because SQL could not be read, or because their time had not come.", _LANES
)
RECEIPTS = _counter("receipts", "Receipts of delivery, by what became of them.", {"result": (COUNTED, REFUSED)})
HANDOFF_SECONDS = _histogram(
    "handoff_seconds",
    "Seconds from the intake of a message by a worker to its hand-off, by message.",
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0),
    _LANES,
)

# ---- decisions ----

DECISIONS_FOUND = _counter(
    "decisions_found",
    "Decisions that batches of messages asked for, one for each group of like messages, by where they were found.",
    {"cache": CACHES},
)
DECISIONS = _counter(
    "decisions", "Decisions that batches of messages asked for, by who chose the sender.", {"source": SOURCES}
)

# ---- claims and batches ----

WORK_BEGUN = _counter(
    "work_begun",
    "Pieces of work (claims on Redis, batches of deliveries on RabbitMQ) that were begun, by the attempt.",
    _LANES | {"attempt": ATTEMPTS},
)
WORK_DOCUMENTS = _histogram(
    "work_documents", "Documents in a piece of work.", (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000, 4000), _LANES
)
CLAIMS_RECOVERED = _counter("claims_recovered", "Claims that this worker took up again after their deadline.")
CLAIMS_OPEN = _gauge("claims_open", "Claims that have not been settled, of all workers; Redis alone.", _OBSERVERS)
CLAIMS_OVERDUE = _gauge(
    "claims_overdue", "Claims past their deadline that nobody has taken up again; Redis alone.", _OBSERVERS
)
WORK_IN_HAND = _gauge("work_in_hand", "Pieces of work that the pool of this worker was given and has not ended.")

# ---- queues ----

DOCUMENTS_WAITING = _gauge(
    "documents_waiting", "Documents on a queue, by the queue's name in the settings.", _OBSERVERS, _QUEUES
)
OLDEST_AGE = _gauge(
    "oldest_document_age_seconds",
    "How long the oldest document of a queue has waited at the most; 0 where none waits.",
    _OBSERVERS,
    _QUEUES,
)
DOCUMENTS_IN_HAND = _gauge(
    "documents_in_hand", "Deliveries that this worker has taken and not acknowledged; RabbitMQ alone."
)
OUTBOX = _gauge("outbox_documents", "Parked documents whose record is not in SQL yet.", _OBSERVERS)
DISPATCH_LIMIT = _gauge("dispatch_limit", "DISPATCH_MAX_LENGTH; 0: no limit.")
INTAKE_PAUSED = _gauge("intake_paused", "1 while this worker takes nothing because the dispatch queue is full, else 0.")

# ---- services ----

SQL_ERRORS = _counter(
    "sql_errors", "Statements and connections that the database failed or refused, where waiting may mend it."
)
REDIS_ERRORS = _counter("redis_errors", "Commands that Redis failed or refused, each try by itself.")
BREAKER_OPEN = _gauge(
    "breaker_open",
    "Processes of this worker that leave a service alone for the moment, because it failed.",
    labels={"service": (REDIS, SQL)},
)
WORK_AGE = _gauge(
    "work_age_seconds",
    "Seconds since each thread and each duty of housekeeping came to a good end; they do so every few seconds.",
    _OBSERVERS,
    {"work": ()},
)
EPOCHS_LAG = _gauge(
    "epochs_lag_seconds",
    "Seconds since Redis was last seen to hold every epoch that SQL has; a few, while all is well.",
)
EPOCHS_REPAIRED = _counter(
    "epochs_repaired", "Epochs that SQL had and Redis had not; their changes came into effect that much later."
)
REDIS_MEMORY = _gauge("redis_memory_bytes", "Memory in use by the broker's Redis; Redis alone.", _OBSERVERS)
REDIS_MEMORY_LIMIT = _gauge(
    "redis_memory_limit_bytes", "The broker's `maxmemory`; 0: no limit. Redis alone.", _OBSERVERS
)
REDIS_EVICTS = _gauge(
    "redis_evicts", "1 where the broker's Redis may drop keys when its memory is full, else 0. Redis alone.", _OBSERVERS
)

# ---- campaigns, rules, defaults ----

CAMPAIGNS_IN_FLIGHT = _gauge(
    "campaigns_in_flight",
    "Campaigns of which a batch was settled within the last day, and that are not complete, or whose end is not known.",
    _OBSERVERS,
)
CAMPAIGN_SETTLED = _gauge(
    "campaign_settled_ratio",
    "How much of a campaign in flight is settled, from 0 to 1; of the 20 that were last at it, by the campaign's id.",
    _OBSERVERS,
    {"campaign": ()},
)

RULES_INFO = _gauge(
    "rules_info", "1, with the version of the country rules in use as its label.", _OBSERVERS, {"version": ()}
)
RULES_AGE = _gauge("rules_age_seconds", "How old the data of the country rules in use is.", _OBSERVERS)
DEFAULTS_AT_RISK = _gauge(
    "defaults_at_risk",
    "Senders of default senders at risk, as the last check found them, by reason and whether usable now.",
    _EVERY,
    {"reason": (), "usable_now": ("true", "false")},
)
DEFAULTS_AT_RISK_SOON = _gauge(
    "defaults_at_risk_within_7_days",
    "Those of them that are of no use any more, or will not be within 7 days.",
    _OBSERVERS,
)

# ---- the process ----

SETTLED_AGE = _gauge("settled_age_seconds", "Seconds since this worker settled work, or since it started.")
HEALTHY = _gauge("healthy", "1 where /healthz says so, else 0.", _OBSERVERS)
BUILD_INFO = _gauge(
    "build_info",
    "1, with the versions of the program and of Python, and the kinds of broker and database, as its labels.",
    _OBSERVERS,
    {"version": (), "python": (), "broker": ("redis", "rabbitmq"), "database": ("sqlite", "postgresql")},
)
START_TIME = _gauge("start_time_seconds", "When the process started, in Unix time.", _OBSERVERS)

# ---- the API ----

API_REQUESTS = _listed(
    Metric(
        "smart_assign_api_requests_total",
        Kind.COUNTER,
        "Requests answered, by method, route and status.",
        _API,
        {"method": (), "route": (), "status": ()},
    )
)
API_SECONDS = _listed(
    Metric(
        "smart_assign_api_request_seconds",
        Kind.HISTOGRAM,
        "Time until the end of the answer, by method and route.",
        _API,
        {"method": (), "route": ()},
        (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
    )
)
API_MESSAGES = _listed(
    Metric(
        "smart_assign_messages_total",
        Kind.COUNTER,
        "Messages that left the workers, of the whole deployment, by outcome; Redis alone.",
        _API,
        {"outcome": ("dispatched", "parked", "duplicates")},
    )
)
BOUNDS_LEFT_OUT = _listed(
    Metric(
        "smart_assign_bounds_left_out_total",
        Kind.COUNTER,
        "What the bounds of an account left out, of the whole deployment: decisions not kept, recipients of campaigns not "
        "counted, parked documents that went.",
        _API,
        {"bound": ("decisions", "campaigns", "parked")},
    )
)
