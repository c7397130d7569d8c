"""A sender graded for one request: the facts that filters and ranking steps look at, and the words for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from core.engine.country_profile import CountryProfile
from core.engine.country_rules import CountryRule, Grade, RuleBook, grade_of
from core.engine.decision import Policy, Request
from core.moments import moment_text
from core.sender import Product, Registration, Sender, SenderType

#: Order of types where a country's data names none; also among the types that it leaves out.
GLOBAL_TYPE_PREFERENCE = (
    SenderType.SHORTCODE,
    SenderType.TEN_DLC,
    SenderType.LONGCODE,
    SenderType.TOLLFREE,
    SenderType.ALPHA_TAG,
    SenderType.OWN_NUMBER,
    SenderType.SHARED_LONGCODE,
)

_SOURCES_SHOWN = 3
_AFTER_ALL_DATES = datetime.max.replace(tzinfo=UTC)

#: Recency is counted from here; any fixed moment would do.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

RuleAndGrade = tuple[CountryRule | None, Grade]


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What all senders of one request have in common.

    `homes` are the recipient country and the one whose rules it reads (Ascension reads those of Saint Helena).
    `rules_seen` and `grades_seen` spare a second look at the same rule: an inventory may hold a thousand senders.
    """

    request: Request
    policy: Policy
    rules: RuleBook
    now: datetime
    usable: frozenset[str]
    homes: frozenset[str]
    profile: CountryProfile
    preference: Mapping[SenderType, int]
    rules_seen: dict[tuple[SenderType, str | None, Product], CountryRule | None] = field(default_factory=dict)
    grades_seen: dict[tuple[SenderType, str | None, Product, bool], RuleAndGrade] = field(default_factory=dict)

    def rule(self, sender_type: SenderType, sender_country: str | None, product: Product) -> CountryRule | None:
        """The recipient country's rule in force now."""
        key = (sender_type, sender_country, product)
        if key not in self.rules_seen:
            self.rules_seen[key] = self.rules.rule_for(self.request.country, *key, self.now)
        return self.rules_seen[key]

    def rule_and_grade(self, sender_type: SenderType, sender_country: str | None, registered: bool) -> RuleAndGrade:
        """The rule for the request's product, and what it makes of a sender, registered or not."""
        key = (sender_type, sender_country, self.request.product, registered)
        seen = self.grades_seen.get(key)
        if seen is None:
            rule = self.rule(sender_type, sender_country, self.request.product)
            admitted = rule is None or rule.admits(sender_country)
            seen = self.grades_seen[key] = (rule, grade_of(rule, registered) if admitted else Grade.BLOCKED)
        return seen


class GradedSender(NamedTuple):
    """One sender before one request, with what its country's rule makes of it. A tuple: quick to make."""

    context: RequestContext
    sender: Sender
    rule: CountryRule | None
    registered: bool
    grade: Grade


def context_of(
    request: Request, usable: frozenset[str], rules: RuleBook, policy: Policy, now: datetime
) -> RequestContext:
    """What all senders of a request have in common; `usable` names the accounts whose senders may be used."""
    profile = rules.profile(request.country, now)
    named = dict.fromkeys((*profile.type_preference, *GLOBAL_TYPE_PREFERENCE))
    preference = {sender_type: index for index, sender_type in enumerate(named)}
    homes = frozenset({request.country, profile.country})
    return RequestContext(request, policy, rules, now, usable, homes, profile, preference)


def _origin(context: RequestContext, sender: Sender, registered: bool) -> str | None:
    """The sender's country. A short code that names none is at home where it is registered: nobody leases one abroad."""
    if sender.country is None and registered and sender.sender_type is SenderType.SHORTCODE:
        return context.request.country
    return sender.country


def grade_sender(context: RequestContext, sender: Sender) -> GradedSender:
    """The sender with its rule, whether it is registered in the country now, and its grade."""
    registered = bool(sender.registrations) and _registered(context, sender)
    rule, grade = context.rule_and_grade(sender.sender_type, _origin(context, sender, registered), registered)
    return GradedSender(context, sender, rule, registered, grade)


def _registered(context: RequestContext, sender: Sender) -> bool:
    return any(r.country in context.homes and r.approved_at(context.now) for r in sender.registrations)


def label(sender_id: str | None, sender_type: SenderType | None) -> str:
    """What people call a sender: its Sender ID, or its type where a pool has none."""
    return sender_id or (f"the {sender_type} pool" if sender_type else "a sender without a name")


def rule_words(rule: CountryRule | None) -> str:
    """The rule as a parenthesis: its status, who says so, and as of when."""
    if rule is None:
        return "no rule"
    if rule.override_reason:
        return f"rule: {rule.status}, corrected here: {rule.override_reason}"
    return f"rule: {rule.status}{_source_words(rule)}"


def _source_words(rule: CountryRule) -> str:
    """Shipped data dates each source for itself (`aws:2026; bird:2025`), other data all of them at once."""
    dated = ":" in rule.as_of
    sources = tuple(rule.as_of.split("; ")) if dated else rule.sources
    more = len(sources) - _SOURCES_SHOWN
    by = f", by {', '.join(sources[:_SOURCES_SHOWN])}" + (f" and {more} more" if more > 0 else "") if sources else ""
    return by if dated or not rule.as_of else f"{by}, as of {rule.as_of}"


def standing_words(graded: GradedSender) -> str:
    """How the sender stands in the recipient country's registry."""
    country = graded.context.request.country
    here = sorted(
        (r for r in graded.sender.registrations if r.country in graded.context.homes), key=_registration_order
    )
    if not here:
        return f"not registered in {country}"
    return f"registration in {country} " + ", ".join(_registration_words(r, graded.context.now) for r in here)


def _registration_words(registration: Registration, now: datetime) -> str:
    start, end = registration.valid_from, registration.valid_until
    if start is not None and now < start:
        return f"{registration.status} from {moment_text(start)} only"
    if end is not None and end <= now:
        return f"{registration.status} until {moment_text(end)} only"
    return registration.status


def _registration_order(registration: Registration) -> tuple[str, datetime, datetime]:
    start, end = registration.valid_from, registration.valid_until
    return (registration.status, start or _AFTER_ALL_DATES, end or _AFTER_ALL_DATES)
