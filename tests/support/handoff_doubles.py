"""What the hand-off stands between, in memory: verdicts, the parked store, RabbitMQ, and a Redis that can go away."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import fakeredis

from core.cache.verdict import ParkVerdict, SenderVerdict, Verdict, sender_fields
from core.engine.decision import Request
from core.errors import ParkReason, StoreUnavailableError
from core.messages.assigner import Assigner
from core.parked.store import ParkedDocument
from core.sender import SenderType, bare_sender_id
from core.trust.owners import OWN_WORD, Owned
from core.trust.rates import TrustPolicy
from core.trust.recording import Recorder
from core.trust.tally import Named
from worker.handoff.errors import NotConfirmedError
from worker.handoff.feedback import FeedbackReader
from worker.handoff.settlement import DEFER_S
from worker.rabbitmq_broker.outgoing import Outgoing
from worker.redis_broker.claims import Claims, Lane
from worker.settings import Settings

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
#: Recipients, by what `Verdicts` says of them.
SENT, REFUSED, WAITS = "+61491570156", "+64211234567", "+447400123456"
_ASSIGNMENT = {"source": "smart", "grade": "compliant", "reason": "LOCAL_DEDICATED", "warnings": []}
_SENDER = SenderVerdict(sender_fields("+61400000001", SenderType.LONGCODE, "AU", _ASSIGNMENT))


class Verdicts:
    """Gives AU a sender and NZ none; while SQL is `away` there is none for GB."""

    def __init__(self) -> None:
        self.away = True

    def verdicts(self, requests: Iterable[Request], now: datetime) -> Mapping[Request, Verdict]:
        known: dict[str, Verdict] = {"AU": _SENDER, "NZ": ParkVerdict(ParkReason.NO_COMPLIANT_SENDER, "none fits")}
        if not self.away:
            known["GB"] = _SENDER
        return {request: known[request.country] for request in requests if request.country in known}


def assigner(verdicts: Verdicts | None = None) -> Assigner:
    return Assigner(verdicts or Verdicts(), max_bytes=10_000, clock=lambda: NOW)


def document(to: str = SENT, message_id: str = "m1", **fields: Any) -> bytes:
    return json.dumps({"message_id": message_id, "account_id": "acme", "to": to, "body": "hello"} | fields).encode()


def batch(*to: str, batch_id: str = "b1", **fields: Any) -> bytes:
    shared = {"account_id": "acme", "campaign_id": "c1", "batch_id": batch_id, "body": "hello"}
    return json.dumps(shared | {"recipients": [{"to": each} for each in to]} | fields).encode()


class ParkedRecords:
    """The parked store; SQL may be `away`."""

    def __init__(self) -> None:
        self.away = False
        self.kept: dict[str, ParkedDocument] = {}

    def park(self, documents: Sequence[ParkedDocument]) -> None:
        if self.away:
            raise StoreUnavailableError("the database cannot be used")
        self.kept |= {each.parked_id: each for each in documents if each.parked_id not in self.kept}

    @property
    def reasons(self) -> list[str]:
        return sorted(each.reason for each in self.kept.values())


class Broker:
    """RabbitMQ: takes what is published, or `fails`; `before` is called with each publishing."""

    def __init__(self, before: Callable[[], None] | None = None) -> None:
        self.published: list[Outgoing] = []
        self.fails = False
        self._before = before

    def publish(self, messages: Sequence[Outgoing], partly: object = None) -> None:
        if self._before:
            self._before()
        if self.fails:
            raise NotConfirmedError("none was taken")
        self.published += messages

    def on(self, queue: str) -> list[Outgoing]:
        return [each for each in self.published if each.queue == queue]


@dataclass
class RedisDouble:
    """A Redis in memory that can go `away`, and the lanes of a deployment in it."""

    settings: Settings = field(default_factory=Settings)
    server: fakeredis.FakeServer = field(default_factory=fakeredis.FakeServer)

    def __post_init__(self) -> None:
        self.client = fakeredis.FakeRedis(server=self.server)
        self.claims = Claims(self.client, self.settings)

    def go(self, *, away: bool) -> None:
        self.server.connected = not away

    def claimed(self, lane: Lane, *documents: bytes) -> str:
        """The id of a new claim of documents that came in on a lane."""
        queue = {
            Lane.INGRESS: self.settings.ingress_queue,
            Lane.MESSAGES: self.settings.messages_queue,
            Lane.CAMPAIGN_INGRESS: self.settings.campaign_ingress_queue,
            Lane.CAMPAIGNS: self.settings.campaigns_queue,
            Lane.RESEND: self.settings.resend_queue,
        }[lane]
        self.client.lpush(queue, *documents)
        return self.claims.claim(lane).id

    def bodies(self, queue: str) -> list[Any]:
        """What a consumer reads from a list of kombu messages, the oldest first."""
        kept = [json.loads(raw) for raw in reversed(self.client.lrange(queue, 0, -1))]
        return [json.loads(base64.b64decode(each["body"])) for each in kept]

    def dispatched(self) -> list[str]:
        """The ids of the messages on the dispatch queue, the oldest first."""
        return [str(each["message_id"]) for each in self.bodies(self.settings.dispatch_queue)]

    def until(self, claim_id: str) -> float:
        """In how many seconds a claim will be taken up again, by Redis's own clock."""
        score = self.client.zscore(f"{self.settings.key_prefix}:claims", claim_id)
        seconds, micros = self.client.time()
        return float(score) / 1000 - seconds - micros / 1e6

    def only_claim(self) -> str:
        """The id of the one claim that is open."""
        (claim_id,) = self.client.zrange(f"{self.settings.key_prefix}:claims", 0, -1)
        return str(claim_id.decode())


def soon(seconds: float) -> bool:
    """Whether a claim waits as long as what must wait for SQL."""
    return DEFER_S - 1 < seconds <= DEFER_S


class HeldSenders:
    """Whose senders receipts name: acme's and the platform's, whatever they are called; SQL may be `away`."""

    def __init__(self) -> None:
        self.away = False

    def of(self, wanted: Collection[Named]) -> Mapping[Named, Owned | None]:
        if self.away:
            raise StoreUnavailableError("the database cannot be used")
        return {
            named: Owned(named.account_id, bare_sender_id(named.sender_id), OWN_WORD)
            if named.account_id in {None, "acme"}
            else None
            for named in wanted
        }


def feedback_reader(held: HeldSenders) -> FeedbackReader:
    return FeedbackReader(Recorder(held, TrustPolicy(), lambda: NOW), "smart-assign.feedback")


def receipt(outcome: str = "failed", sender_id: str = "+61491570006", **fields: Any) -> dict[str, Any]:
    return {
        "account_id": "acme",
        "sender_id": sender_id,
        "sender_type": "longcode",
        "country": "AU",
        "outcome": outcome,
        "at": "2026-11-28T12:00:00Z",
    } | fields
