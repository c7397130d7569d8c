"""What a campaign would come to: for each country the sender and why, and who cannot be sent to. Decides, keeps nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.campaigns.batch import Batch
from core.contract.decode import Message
from core.engine.country_rules import RuleBook
from core.engine.decide import decide
from core.engine.decision import AccountProblem, Decision, Facts, Policy, Request
from core.engine.explanation import explanation
from core.errors import ParkReason
from core.messages.assigner import Parked, request_for
from core.previews.audience import Audience, Part
from core.previews.forecast import Forecast, SenderForecast, sender_forecasts
from core.prices.price_list import NO_PRICES, PriceList
from core.sender import Sender, naming_fields

_STAND_IN = "preview"


class PreviewStore(Protocol):
    """What a preview asks of SQL; every method may raise StoreUnavailableError."""

    def load_facts(self, requests: Sequence[Request]) -> Mapping[Request, Facts | AccountProblem]:
        """The facts of each request, or why it has none."""


@dataclass(frozen=True, slots=True)
class PartPreview:
    """Recipients of one country that share one decision, or the reason why there is none."""

    part: Part
    decision: Decision | None
    park: ParkReason | None
    detail: str
    forecasts: tuple[SenderForecast, ...]

    @property
    def recipients(self) -> int:
        """How many."""
        return self.part.recipients

    @property
    def sendable(self) -> int:
        """Recipients that would be dispatched."""
        return 0 if self.park else self.recipients

    def document(self) -> dict[str, object]:
        """As a country shows it: its decision and who cannot be sent to."""
        explained = explanation(self.decision) if self.decision is not None else {}
        return {
            "sender": explained.get("sender"),
            "source": explained.get("source"),
            "grade": explained.get("grade"),
            "reason": self.park.value if self.park else explained.get("reason"),
            "detail": self.detail,
            "warnings": explained.get("warnings", []),
            "destination": explained.get("destination"),
            **({"pool": explained["pool"]} if "pool" in explained else {}),
        }

    def content_document(self) -> dict[str, object]:
        """As one of several whose texts hold different things."""
        sender = self.decision.sender if self.decision is not None else None
        return {
            **self.part.content._asdict(),
            "recipients": self.recipients,
            "sendable": self.sendable,
            "sender": sender and naming_fields(sender.sender_id, sender.sender_type, sender.country),
            "reason": self.park.value if self.park else self.decision and self.decision.reason,
        }


@dataclass(frozen=True, slots=True)
class CountryPreview:
    """One country. Where its rules look at texts there are as many parts as there are kinds of texts: those that can be sent first."""

    country: str
    parts: tuple[PartPreview, ...]

    @property
    def recipients(self) -> int:
        """All of the country."""
        return sum(part.recipients for part in self.parts)

    @property
    def sendable(self) -> int:
        """Recipients that would be dispatched."""
        return sum(part.sendable for part in self.parts)

    @property
    def unsendable(self) -> dict[str, int]:
        """The others, by the reason for which they would be parked."""
        counts: Counter[str] = Counter()
        for part in self.parts:
            if part.park:
                counts[part.park.value] += part.recipients
        return dict(counts)

    @property
    def forecast(self) -> Forecast:
        """What the recipients that would be dispatched take."""
        return _forecast(self.parts)

    def document(self) -> dict[str, object]:
        """As `campaign preview --json` shows it; the sender is that of most recipients that have one."""
        return {
            "country": self.country,
            "recipients": self.recipients,
            "sendable": self.sendable,
            "unsendable": self.unsendable,
            **self.parts[0].document(),
            **self.forecast.document(),
            "senders": [each.document() for part in self.parts for each in part.forecasts],
            **({"contents": [part.content_document() for part in self.parts]} if self._looks_at_texts else {}),
        }

    @property
    def _looks_at_texts(self) -> bool:
        return any(any(part.part.content) for part in self.parts)


def _forecast(parts: Iterable[PartPreview]) -> Forecast:
    held = [part for part in parts if part.park is None]
    return Forecast.of((each for part in held for each in part.forecasts), (part.part.sizes for part in held))


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

    @property
    def forecast(self) -> Forecast:
        """What all that would be dispatched takes."""
        return _forecast(part for country in self.countries for part in country.parts)

    def document(self) -> dict[str, object]:
        """As `campaign preview --json` prints it."""
        return {
            "countries": [country.document() for country in self.countries],
            "invalid": self.invalid,
            "recipients": self.recipients,
            "sendable": self.sendable,
            "repeats": self.repeats,
            **self.forecast.document(),
        }


def preview(
    batch: Batch,
    audience: Audience,
    store: PreviewStore,
    rules: RuleBook,
    policy: Policy,
    *,
    now: datetime,
    prices: PriceList = NO_PRICES,
) -> CampaignPreview:
    """What would become of `audience` at `now`; `batch` holds what all recipients share, its rows are not looked at."""
    parts = audience.parts()
    asked = [_request(batch, part, now) for part in parts]
    answers = _answers([request for request in asked if isinstance(request, Request)], store, rules, policy, now)
    by_country: dict[str, list[PartPreview]] = {}
    for part, request in zip(parts, asked, strict=True):
        found = answers[request] if isinstance(request, Request) else request
        by_country.setdefault(part.country, []).append(_seen(part, found, prices))
    seen = [
        CountryPreview(
            country, tuple(sorted(held, key=lambda each: (-each.sendable, -each.recipients, each.part.content)))
        )
        for country, held in by_country.items()
    ]
    seen.sort(key=lambda each: (-each.recipients, each.country))
    return CampaignPreview(tuple(seen), audience.invalid, audience.repeats)


def _request(batch: Batch, part: Part, now: datetime) -> Request | Parked:
    request = request_for(_message(batch, part.example), now, batch.overrides)
    return request._replace(content=part.content) if isinstance(request, Request) else request


def _answers(
    requests: Sequence[Request], store: PreviewStore, rules: RuleBook, policy: Policy, now: datetime
) -> dict[Request, Decision | AccountProblem]:
    if not requests:
        return {}
    return {
        request: facts if isinstance(facts, AccountProblem) else decide(request, facts, rules, policy, now)
        for request, facts in store.load_facts(requests).items()
    }


def _seen(part: Part, found: Decision | AccountProblem | Parked, prices: PriceList) -> PartPreview:
    if not isinstance(found, Decision):
        return PartPreview(part, None, found.reason, found.detail, ())
    forecasts = sender_forecasts(part.country, _senders(found), part.sizes, prices)
    return PartPreview(part, found, found.park, found.detail, tuple(forecasts))


def _senders(decision: Decision) -> list[tuple[Sender, float]]:
    """Those that share the recipients, each with its share."""
    if decision.pool:
        return [(member.sender, member.weight) for member in decision.pool]
    return [] if decision.sender is None else [(decision.sender, 1.0)]


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
