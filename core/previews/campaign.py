"""What a campaign would come to: for each country the sender and why, and who cannot be sent to. Decides, keeps nothing."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.campaigns.batch import Batch, RefusedRow
from core.contract.decode import Message
from core.engine.country_rules import RuleBook
from core.engine.decide import decide
from core.engine.decision import AccountProblem, Decision, Facts, Policy, Request
from core.engine.explanation import explanation
from core.errors import ParkReason
from core.messages.assigner import Parked, request_for
from core.phone import InvalidRecipientError, parse_recipient

#: Repeated recipients are counted among so many; eight bytes each are kept for it.
REPEATS_AMONG = 10_000_000
_SHELVES = 256

_STAND_IN = "preview"


class PreviewStore(Protocol):
    """What a preview asks of SQL; every method may raise StoreUnavailableError."""

    def load_facts(self, requests: Sequence[Request]) -> Mapping[Request, Facts | AccountProblem]:
        """The facts of each request, or why it has none."""


class Audience:
    """Recipients as they are read: how many in each country, and how often a number came again."""

    def __init__(self, repeats_among: int = REPEATS_AMONG) -> None:
        self._repeats_among = repeats_among
        self.by_country: dict[str, int] = {}
        self.examples: dict[str, str] = {}
        self.invalid = 0
        self.total = 0
        self._shelves = [array("Q") for _ in range(_SHELVES)]

    def add(self, e164: str, country: str) -> None:
        """Count a recipient, in E.164 and with its country."""
        self.total += 1
        if country in self.by_country:
            self.by_country[country] += 1
        else:
            self.by_country[country] = 1
            self.examples[country] = e164
        if self.total <= self._repeats_among:
            number = int(e164[1:])
            self._shelves[number % _SHELVES].append(number)

    def refuse(self) -> None:
        """Count a row that is no recipient."""
        self.invalid += 1

    @property
    def repeats(self) -> int | None:
        """Recipients whose number came before; None where there are too many recipients to tell."""
        if self.total > self._repeats_among:
            return None
        return sum(len(shelf) - len(set(shelf)) for shelf in self._shelves)


@dataclass(frozen=True, slots=True)
class CountryPreview:
    """One country: its recipients, and the decision for all of them, or why there is none."""

    country: str
    recipients: int
    decision: Decision | None
    park: ParkReason | None
    detail: str

    @property
    def sendable(self) -> int:
        """Recipients that would be dispatched."""
        return 0 if self.park else self.recipients

    def document(self) -> dict[str, object]:
        """As `campaign preview --json` shows it."""
        explained = explanation(self.decision) if self.decision is not None else {}
        return {
            "country": self.country,
            "recipients": self.recipients,
            "sendable": self.sendable,
            "unsendable": {self.park.value: self.recipients} if self.park else {},
            "sender": explained.get("sender"),
            "source": explained.get("source"),
            "grade": explained.get("grade"),
            "reason": self.park.value if self.park else explained.get("reason"),
            "detail": self.detail,
            "warnings": explained.get("warnings", []),
            "destination": explained.get("destination"),
            **({"pool": explained["pool"]} if "pool" in explained else {}),
        }


@dataclass(frozen=True, slots=True)
class CampaignPreview:
    """A whole campaign, the countries with most recipients first."""

    countries: tuple[CountryPreview, ...]
    invalid: int
    repeats: int | None

    @property
    def recipients(self) -> int:
        """All recipients, without the invalid rows."""
        return sum(country.recipients for country in self.countries)

    @property
    def sendable(self) -> int:
        """All that would be dispatched."""
        return sum(country.sendable for country in self.countries)

    def document(self) -> dict[str, object]:
        """As `campaign preview --json` prints it."""
        return {
            "countries": [country.document() for country in self.countries],
            "invalid": self.invalid,
            "recipients": self.recipients,
            "sendable": self.sendable,
            "repeats": self.repeats,
        }


def audience_of(batch: Batch) -> Audience:
    """The recipients of a batch that came whole."""
    audience, shared = Audience(), batch.shared
    for row in batch.rows:
        if isinstance(row, RefusedRow) or (row.body or shared.body) is None:
            audience.refuse()
            continue
        try:
            recipient = parse_recipient(row.to, row.country or shared.country)
        except InvalidRecipientError:
            audience.refuse()
        else:
            audience.add(recipient.e164, recipient.country)
    return audience


def preview(
    batch: Batch,
    audience: Audience,
    store: PreviewStore,
    rules: Callable[[], RuleBook],
    policy: Policy,
    *,
    now: datetime,
) -> CampaignPreview:
    """What would become of `audience` at `now`; `batch` holds what all recipients share, its rows are not looked at."""
    asked = {
        country: request_for(_message(batch, example), now, batch.overrides)
        for country, example in audience.examples.items()
    }
    requests = [request for request in asked.values() if isinstance(request, Request)]
    answers = _answers(requests, store, rules(), policy, now) if requests else {}
    seen = [
        _seen(country, audience.by_country[country], answers[request] if isinstance(request, Request) else request)
        for country, request in asked.items()
    ]
    seen.sort(key=lambda each: (-each.recipients, each.country))
    return CampaignPreview(tuple(seen), audience.invalid, audience.repeats)


def _answers(
    requests: Sequence[Request], store: PreviewStore, rules: RuleBook, policy: Policy, now: datetime
) -> dict[Request, Decision | AccountProblem]:
    return {
        request: facts if isinstance(facts, AccountProblem) else decide(request, facts, rules, policy, now)
        for request, facts in store.load_facts(requests).items()
    }


def _seen(country: str, recipients: int, found: Decision | AccountProblem | Parked) -> CountryPreview:
    if isinstance(found, Decision):
        return CountryPreview(country, recipients, found, found.park, found.detail)
    return CountryPreview(country, recipients, None, found.reason, found.detail)


def _message(batch: Batch, to: str) -> Message:
    """A message of the batch; what a decision never looks at is left out or made up."""
    shared = batch.shared
    return Message(
        message_id=_STAND_IN,
        account_id=shared.account_id,
        to=to,
        body=_STAND_IN,
        subaccount_id=shared.subaccount_id,
        product=shared.product,
        sender_id=shared.sender_id,
        sender_type=shared.sender_type,
        traffic_class=shared.traffic_class,
        reply_expected=shared.reply_expected,
        expires_at=shared.expires_at,
    )
