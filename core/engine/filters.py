"""The filters that a sender must pass to be used for a request; each says in words why a case fails, or None.

The order is fixed: the first filter that a case fails names its rejection. A change here is a change of business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from core.engine.case import Case, rule_words, standing_words
from core.engine.country_rules import CountryRule, Grade, RuleStatus, SenderOrigin
from core.engine.decision import AlteredSenders, Rejection, UnknownRule
from core.engine.generic_names import is_generic
from core.moments import when
from core.sender import Product, SenderStatus, SenderType, form_error

#: Types that carry no reply in a country whose long codes are one-way.
LONG_CODES = frozenset({SenderType.LONGCODE, SenderType.OWN_NUMBER, SenderType.SHARED_LONGCODE})


class Verdict(NamedTuple):
    """A case after the filters; `rejected` None: it passed them all, and `words` is empty."""

    case: Case
    rejected: Rejection | None
    words: str


def not_owned(case: Case) -> str | None:
    """The platform pool (no account) is open to all."""
    owner = case.sender.account_id
    return None if owner is None or owner in case.ground.usable else f"belongs to {owner}, whose senders are not usable"


def not_active(case: Case) -> str | None:
    """Status `active`, and before the sender's end."""
    if case.sender.status is not SenderStatus.ACTIVE:
        return f"status is {case.sender.status}"
    end = case.sender.ends_at
    return f"ended at {when(end)}" if end is not None and end <= case.ground.now else None


def malformed(case: Case) -> str | None:
    """The form that its type asks for."""
    return form_error(case.sender.sender_type, case.sender.sender_id)


def name_too_long(case: Case) -> str | None:
    """Some countries take fewer than eleven characters."""
    limit = case.ground.profile.alpha_max_length
    if len(case.sender.sender_id or "") <= limit:
        return None
    return f"{case.ground.request.country} takes names of at most {limit} characters"


def name_form(case: Case) -> str | None:
    """Some countries take letters only."""
    if not case.ground.profile.alpha_letters_only or (case.sender.sender_id or "").isalpha():
        return None
    return f"{case.ground.request.country} takes names of letters only"


def name_generic(case: Case) -> str | None:
    """Some countries refuse names that could be anybody's."""
    if not case.ground.profile.generic_senders_blocked or not is_generic(case.sender.sender_id or ""):
        return None
    return f"{case.ground.request.country} refuses generic names"


def rule_unknown(case: Case) -> str | None:
    """Where the data says nothing, the policy decides."""
    country, policy = case.ground.request.country, case.ground.policy.unknown_rule
    if _UNKNOWN_ADMITS[policy](case):
        return None
    return f"{country}: nothing is known about {case.sender.sender_type} ({rule_words(case.rule)}; policy {policy})"


def _is_local_number(case: Case) -> bool:
    sender = case.sender
    dedicated_number = not sender.shared and sender.sender_type is not SenderType.ALPHA_TAG
    return dedicated_number and sender.country in case.ground.homes


_UNKNOWN_ADMITS: Mapping[UnknownRule, Callable[[Case], bool]] = {
    UnknownRule.LOCAL: _is_local_number,
    UnknownRule.FORBID: lambda _: False,
    UnknownRule.ALLOW: lambda _: True,
}


def sender_country_not_allowed(case: Case) -> str | None:
    """The type is accepted, but not from where this sender is."""
    rule, country = case.rule, case.ground.request.country
    if rule is None:
        return None
    if rule.status is not RuleStatus.BLOCKED and not rule.admits(case.sender.country):
        only = ", ".join(rule.only_sender_countries)
        return f"{country} takes {case.sender.sender_type} from {only} only ({rule_words(rule)})"
    if rule.status is RuleStatus.BLOCKED and _only_foreign_blocked(case, rule):
        return f"{country} takes no {case.sender.sender_type} from abroad ({rule_words(rule)})"
    return None


def _only_foreign_blocked(case: Case, rule: CountryRule) -> bool:
    if rule.sender_country is not SenderOrigin.FOREIGN:
        return False
    ground = case.ground
    domestic = ground.rule(case.sender.sender_type, ground.request.country, ground.request.product)
    return domestic is None or domestic.status is not RuleStatus.BLOCKED


def type_blocked(case: Case) -> str | None:
    """The country refuses the type, for every product."""
    rule = case.rule
    if rule is None or rule.status is not RuleStatus.BLOCKED or _only_product_blocked(case):
        return None
    return f"{case.ground.request.country} refuses {case.sender.sender_type} ({rule_words(rule)})"


def _only_product_blocked(case: Case) -> bool:
    if case.ground.request.product is Product.SMS or case.rule is None or case.rule.status is not RuleStatus.BLOCKED:
        return False
    plain = case.ground.rule(case.sender.sender_type, case.sender.country, Product.SMS)
    return plain is None or plain.status is not RuleStatus.BLOCKED


def not_registered(case: Case) -> str | None:
    """Where registration is required, it must be approved and in date."""
    rule = case.rule
    if rule is None or rule.status is not RuleStatus.REGISTRATION_REQUIRED:
        return None
    return f"{standing_words(case)} ({rule_words(rule)})"


def altered_forbidden(case: Case) -> str | None:
    """A sender that the carrier replaces or labels, under the policy that forbids it."""
    if case.ground.policy.altered_senders is AlteredSenders.ALLOW:
        return None
    standing = "" if case.rule is None or case.rule.status is RuleStatus.ALTERED else f"{standing_words(case)}; "
    return f"arrives replaced or labelled in {case.ground.request.country} ({standing}{rule_words(case.rule)})"


def product_not_supported(case: Case) -> str | None:
    """MMS needs a sender that carries it, in a country that takes it."""
    product = case.ground.request.product
    if _only_product_blocked(case):
        return f"{case.ground.request.country} takes no {product} ({rule_words(case.rule)})"
    return None if case.sender.mms else f"does not carry {product}"


def no_replies(case: Case) -> str | None:
    """Where a reply is expected, sender and country must let it through."""
    if not case.sender.can_receive:
        return "cannot receive replies"
    one_way = case.ground.profile.two_way_long_code is False and case.sender.sender_type in LONG_CODES
    return f"long codes are one-way in {case.ground.request.country}" if one_way else None


def traffic_class_not_allowed(case: Case) -> str | None:
    """A sender may be kept for some classes of traffic."""
    allowed = case.sender.traffic_classes
    if allowed is None or case.ground.request.traffic_class in allowed:
        return None
    return f"is not for {case.ground.request.traffic_class} traffic, only {', '.join(sorted(allowed)) or 'none'}"


# -- the order --------------------------------------------------------------------


class Kind(NamedTuple):
    """All that tells which filters a case must be asked: most need not be, and an inventory may hold thousands."""

    sender_type: SenderType
    grade: Grade
    product: Product
    reply_expected: bool


class Filter(NamedTuple):
    """One filter; `concerns` tells which kinds of cases are asked at all."""

    code: Rejection
    fails: Callable[[Case], str | None]
    concerns: Callable[[Kind], bool]


def _everything(_kind: Kind) -> bool:
    return True


def _names(kind: Kind) -> bool:
    return kind.sender_type is SenderType.ALPHA_TAG


def _unknown(kind: Kind) -> bool:
    return kind.grade is Grade.UNKNOWN


def _blocked(kind: Kind) -> bool:
    return kind.grade is Grade.BLOCKED


def _altered(kind: Kind) -> bool:
    return kind.grade is Grade.ALTERED


def _other_products(kind: Kind) -> bool:
    return kind.product is not Product.SMS


def _replies(kind: Kind) -> bool:
    return kind.reply_expected


#: The first that a case fails names its rejection.
FILTERS: tuple[Filter, ...] = (
    Filter(Rejection.NOT_OWNED, not_owned, _everything),
    Filter(Rejection.NOT_ACTIVE, not_active, _everything),
    Filter(Rejection.MALFORMED, malformed, _everything),
    Filter(Rejection.NAME_TOO_LONG, name_too_long, _names),
    Filter(Rejection.NAME_FORM, name_form, _names),
    Filter(Rejection.NAME_GENERIC, name_generic, _names),
    Filter(Rejection.RULE_UNKNOWN, rule_unknown, _unknown),
    Filter(Rejection.SENDER_COUNTRY_NOT_ALLOWED, sender_country_not_allowed, _blocked),
    Filter(Rejection.TYPE_BLOCKED, type_blocked, _blocked),
    Filter(Rejection.NOT_REGISTERED, not_registered, _blocked),
    Filter(Rejection.ALTERED_FORBIDDEN, altered_forbidden, _altered),
    Filter(Rejection.PRODUCT_NOT_SUPPORTED, product_not_supported, _other_products),
    Filter(Rejection.NO_REPLIES, no_replies, _replies),
    Filter(Rejection.TRAFFIC_CLASS_NOT_ALLOWED, traffic_class_not_allowed, _everything),
)


@cache
def _asked(*kind: Any) -> tuple[Filter, ...]:
    """The filters for the fields of a `Kind`, which is made only where they have not been met before."""
    return tuple(each for each in FILTERS if each.concerns(Kind(*kind)))


def screen(case: Case) -> Verdict:
    """The case after the filters."""
    request = case.ground.request
    for code, fails, _ in _asked(case.sender.sender_type, case.grade, request.product, request.reply_expected):
        words = fails(case)
        if words is not None:
            return Verdict(case, code, words)
    return Verdict(case, None, "")
