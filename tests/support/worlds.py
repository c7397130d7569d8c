"""Small worlds for the engine: senders of account `acme`, rules of country AU, and `ask`, which decides in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from core.cache.verdict import SenderVerdict, Verdict
from core.engine.country_profile import CountryProfile
from core.engine.country_rules import CountryRule, RuleBook, RuleStatus, SenderOrigin
from core.engine.decide import decide
from core.engine.decision import Candidate, Decision, DefaultSender, Facts, Policy, Request, SenderRef
from core.engine.destinations import DestinationSetting
from core.sender import Product, Registration, RegistrationStatus, Sender, SenderType, TrafficClass

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)

REVERT = Policy()


def number(sender_id: str = "+61400000001", **fields: Any) -> Sender:
    """A long code of acme in AU, where not said otherwise."""
    return Sender(
        **({"account_id": "acme", "sender_type": SenderType.LONGCODE, "country": "AU"} | fields), sender_id=sender_id
    )


def name(sender_id: str = "Acme", **fields: Any) -> Sender:
    return Sender(**({"account_id": "acme", "sender_type": SenderType.ALPHA_TAG} | fields), sender_id=sender_id)


def pool(sender_id: str | None = "+61400000099", **fields: Any) -> Sender:
    """A shared number of the platform in AU."""
    shared = {"account_id": None, "sender_type": SenderType.SHARED_LONGCODE, "country": "AU"}
    return Sender(**(shared | fields), sender_id=sender_id)


def registered(country: str = "AU", **fields: Any) -> tuple[Registration, ...]:
    return (Registration(country, **({"status": RegistrationStatus.APPROVED} | fields)),)


def rule(
    sender_type: SenderType,
    status: RuleStatus = RuleStatus.ALLOWED,
    origin: SenderOrigin = SenderOrigin.ANY,
    **fields: Any,
) -> CountryRule:
    return CountryRule(**({"country": "AU"} | fields), sender_type=sender_type, sender_country=origin, status=status)


def book(*rules: CountryRule, **profile: Any) -> RuleBook:
    """Rules of AU; every type allowed where none are given."""
    held = rules or tuple(rule(sender_type) for sender_type in SenderType)
    return RuleBook.of("test-1", held, [CountryProfile("AU", "Australia", **profile)])


def default(
    *strategies: SenderRef, account_id: str = "acme", country: str = "AU", product: Product = Product.SMS
) -> DefaultSender:
    return DefaultSender(account_id, country, product, strategies)


def ask(
    senders: Sequence[Sender],
    rules: RuleBook | None = None,
    *,
    policy: Policy = REVERT,
    defaults: tuple[DefaultSender, ...] = (),
    borrowed_from: frozenset[str] = frozenset(),
    now: datetime = NOW,
    destinations: tuple[DestinationSetting, ...] = (),
    spread: bool = False,
    **request: Any,
) -> Decision:
    """The decision for a message of acme to AU, where not said otherwise."""
    wanted = Request(**({"account_id": "acme", "subaccount_id": None, "country": "AU"} | request))
    facts = Facts(tuple(senders), borrowed_from, defaults, spread=spread, destinations=destinations)
    return decide(wanted, facts, rules or book(), policy, now)


def chosen(decision: Decision) -> str | None:
    return decision.sender.sender_id if decision.sender else None


def fate(decision: Decision, sender_id: str | None) -> Candidate:
    """What became of the one candidate of that Sender ID."""
    (candidate,) = [c for c in decision.candidates if c.sender_id == sender_id]
    return candidate


def sample_decisions() -> list[Decision]:
    """A handful whose facts hold sets, equals and every kind of words."""
    classes = frozenset(TrafficClass) - {TrafficClass.PROMOTIONAL}
    busy = [number(trust=t, traffic_classes=classes, mms=bool(t % 2)) for t in (7, 7, 8)]
    names = [name(registrations=registered() + registered("NZ", valid_until=NOW + DAY)), name("Other", country="NZ")]
    promotion = TrafficClass.PROMOTIONAL
    return [
        ask([*busy, *names, pool()]),
        ask([*names, *busy, pool(None)], subaccount_id="acme-nz", borrowed_from=frozenset({"a", "acme", "b"})),
        ask(busy, traffic_class=promotion, explicit=SenderRef("Ghost"), defaults=(default(SenderRef("Ghost")),)),
        ask([], country="ZZ"),
        ask(names, book(rule(SenderType.ALPHA_TAG, RuleStatus.BLOCKED, sources=("b", "a")), type_preference=())),
    ]


def sender_named(verdict: Verdict) -> str | None:
    """The Sender ID that a verdict gives to its messages."""
    return json.loads(bytes(verdict.shared))["sender_id"] if isinstance(verdict, SenderVerdict) else None
