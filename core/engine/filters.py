"""The filters that a sender must pass to be used for a request; each says in words why a sender fails, or None.

The order is fixed: the first filter that a sender fails names its rejection. A change here is a change of business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from core.content.inspection import Content
from core.engine.country_profile import CONTENT_FIELDS, Permission, matches
from core.engine.country_rules import CountryRule, Grade, RuleStatus, SenderOrigin
from core.engine.decision import AlteredSenders, Rejection, UnknownRule
from core.engine.generic_names import generic_word
from core.engine.graded_sender import GradedSender, rule_words, standing_words
from core.moments import moment_text
from core.sender import LEAST_DIGITS, NUMBER_TYPES, Product, SenderStatus, SenderType, TrafficClass, form_error

#: Types that carry no reply in a country whose long codes are one-way.
LONG_CODES = frozenset({SenderType.LONGCODE, SenderType.OWN_NUMBER, SenderType.SHARED_LONGCODE})

#: Beside letters and digits, what the form of a name admits everywhere.
_LEGAL_SIGNS = "+"

_DISPUTED = "sources contradict each other about"


class Screened(NamedTuple):
    """A sender after the filters. Where it passed them all, `rejected` is None and `words` is empty."""

    graded: GradedSender
    rejected: Rejection | None
    words: str


def not_owned(graded: GradedSender) -> str | None:
    """The platform pool (no account) is open to all."""
    owner = graded.sender.account_id
    return (
        None if owner is None or owner in graded.context.usable else f"belongs to {owner}, whose senders are not usable"
    )


def not_active(graded: GradedSender) -> str | None:
    """Status `active`, and before the sender's end."""
    if graded.sender.status is not SenderStatus.ACTIVE:
        return f"status is {graded.sender.status}"
    end = graded.sender.ends_at
    return f"ended at {moment_text(end)}" if end is not None and end <= graded.context.now else None


def malformed(graded: GradedSender) -> str | None:
    """The form that its type asks for; a number that is kept must be one, and not only look like one."""
    sender = graded.sender
    if words := form_error(sender.sender_type, sender.sender_id):
        return words
    if sender.sender_type in NUMBER_TYPES and sender.sender_id and len(sender.sender_id) < LEAST_DIGITS:
        return "has too few digits for a telephone number"
    return None


def name_too_long(graded: GradedSender) -> str | None:
    """Some countries take fewer than eleven characters."""
    limit = graded.context.profile.alpha_max_length
    if len(graded.sender.sender_id or "") <= limit:
        return None
    return f"{graded.context.request.country} takes names of at most {limit} characters"


def name_too_short(graded: GradedSender) -> str | None:
    """Some countries ask for more than three characters."""
    least = graded.context.profile.alpha_min_length
    if len(graded.sender.sender_id or "") >= least:
        return None
    return f"{graded.context.request.country} takes names of at least {least} characters"


def name_form(graded: GradedSender) -> str | None:
    """Which characters a country takes in a name; a hyphen only where its promotional mark has one."""
    country, profile, name = graded.context.request.country, graded.context.profile, graded.sender.sender_id or ""
    if profile.alpha_letters_only and not name.isalpha():
        return f"{country} takes names of letters only"
    if profile.alpha_needs_letter and not any(map(str.isalpha, name)):
        return f"{country} takes names with at least one letter"
    if name[:1] and name[:1] in profile.alpha_not_first:
        return f"{country} takes no name that begins with {name[0]}"
    legal = _LEGAL_SIGNS if profile.alpha_characters is None else profile.alpha_characters
    if profile.promotional_affix and matches(profile.promotional_affix, name):
        legal += profile.promotional_affix
    wrong = next((sign for sign in name if not sign.isalnum() and sign not in legal), None)
    return None if wrong is None else f"{country} takes no {wrong!r} in a name"


def name_generic(graded: GradedSender) -> str | None:
    """Some countries refuse names that could be anybody's; one that they registered is somebody's."""
    profile = graded.context.profile
    if not profile.generic_senders_blocked:
        return None
    word = generic_word(graded.sender.sender_id or "", profile.generic_words)
    if word is None or (word.startswith("*") and graded.registered):
        return None
    within = f", and {word.strip('*')} within a name is one" if "*" in word else ""
    return f"{graded.context.request.country} refuses generic names{within}"


def rule_unknown(graded: GradedSender) -> str | None:
    """Where the data says nothing, the policy decides."""
    country, policy, rule = graded.context.request.country, graded.context.policy.unknown_rule, graded.rule
    if _UNKNOWN_ADMITS[policy](graded):
        return None
    what = "nothing is known about" if rule is None or rule.status is RuleStatus.UNKNOWN else _DISPUTED
    return f"{country}: {what} {graded.sender.sender_type} ({rule_words(rule)}; policy {policy})"


def _is_local_number(graded: GradedSender) -> bool:
    sender = graded.sender
    dedicated_number = not sender.shared and sender.sender_type is not SenderType.ALPHA_TAG
    return dedicated_number and sender.country in graded.context.homes


_UNKNOWN_ADMITS: Mapping[UnknownRule, Callable[[GradedSender], bool]] = {
    UnknownRule.LOCAL: _is_local_number,
    UnknownRule.FORBID: lambda _: False,
    UnknownRule.ALLOW: lambda _: True,
}


def sender_country_not_allowed(graded: GradedSender) -> str | None:
    """The type is accepted, but not from where this sender is."""
    rule, country = graded.rule, graded.context.request.country
    if rule is None:
        return None
    if rule.status is not RuleStatus.BLOCKED and not rule.admits(graded.sender.country):
        only = ", ".join(rule.only_sender_countries)
        return f"{country} takes {graded.sender.sender_type} from {only} only ({rule_words(rule)})"
    if rule.status is RuleStatus.BLOCKED and _only_foreign_blocked(graded, rule):
        return f"{country} takes no {graded.sender.sender_type} from abroad ({rule_words(rule)})"
    return None


def _only_foreign_blocked(graded: GradedSender, rule: CountryRule) -> bool:
    if rule.sender_country is not SenderOrigin.FOREIGN:
        return False
    context = graded.context
    domestic = context.rule(graded.sender.sender_type, context.request.country, context.request.product)
    return domestic is None or domestic.status is not RuleStatus.BLOCKED


def type_blocked(graded: GradedSender) -> str | None:
    """The country refuses the type, for every product."""
    rule = graded.rule
    if rule is None or rule.status is not RuleStatus.BLOCKED or _only_product_blocked(graded):
        return None
    return f"{graded.context.request.country} refuses {graded.sender.sender_type} ({rule_words(rule)})"


def _only_product_blocked(graded: GradedSender) -> bool:
    if (
        graded.context.request.product is Product.SMS
        or graded.rule is None
        or graded.rule.status is not RuleStatus.BLOCKED
    ):
        return False
    plain = graded.context.rule(graded.sender.sender_type, graded.sender.country, Product.SMS)
    return plain is None or plain.status is not RuleStatus.BLOCKED


def not_registered(graded: GradedSender) -> str | None:
    """Where registration is required, it must be approved and in date."""
    rule = graded.rule
    if rule is None or rule.status is not RuleStatus.REGISTRATION_REQUIRED:
        return None
    return f"{standing_words(graded)} ({rule_words(rule)})"


def altered_forbidden(graded: GradedSender) -> str | None:
    """A sender that the carrier replaces or labels, under the policy that forbids it."""
    if graded.context.policy.altered_senders is AlteredSenders.ALLOW:
        return None
    standing = "" if graded.rule is None or graded.rule.status is RuleStatus.ALTERED else f"{standing_words(graded)}; "
    return f"arrives replaced or labelled in {graded.context.request.country} ({standing}{rule_words(graded.rule)})"


def product_not_supported(graded: GradedSender) -> str | None:
    """MMS needs a sender that carries it, in a country that takes it."""
    product = graded.context.request.product
    if _only_product_blocked(graded):
        return f"{graded.context.request.country} takes no {product} ({rule_words(graded.rule)})"
    return None if graded.sender.mms else f"does not carry {product}"


def no_replies(graded: GradedSender) -> str | None:
    """Where a reply is expected, sender and country must let it through."""
    if not graded.sender.can_receive:
        return "cannot receive replies"
    one_way = graded.context.profile.two_way_long_code is False and graded.sender.sender_type in LONG_CODES
    return f"long codes are one-way in {graded.context.request.country}" if one_way else None


def traffic_class_not_allowed(graded: GradedSender) -> str | None:
    """A sender may be kept for some classes of traffic."""
    allowed = graded.sender.traffic_classes
    if allowed is None or graded.context.request.traffic_class in allowed:
        return None
    return f"is not for {graded.context.request.traffic_class} traffic, only {', '.join(sorted(allowed)) or 'none'}"


def promotion_not_allowed(graded: GradedSender) -> str | None:
    """Some countries take promotion from registered names only, or from no name."""
    allowed = graded.context.profile.promotional_allowed
    if not _is_promotional(graded) or allowed in (None, Permission.YES):
        return None
    if allowed is Permission.NO:
        return f"{graded.context.request.country} takes no promotion from a name"
    return None if graded.registered else f"{graded.context.request.country} takes promotion from registered names only"


def promotional_affix(graded: GradedSender) -> str | None:
    """In some countries a mark tells a promotional name."""
    affix = graded.context.profile.promotional_affix
    if not affix or not _is_promotional(graded) or matches(affix, graded.sender.sender_id or ""):
        return None
    place = "contain" if affix[0] == affix[-1] == "*" else "end with" if affix[0] == "*" else "begin with"
    return f"in {graded.context.request.country} promotional names {place} {affix.strip('*')}"


def content_not_allowed(graded: GradedSender) -> str | None:
    """Some countries take links, or telephone numbers, from registered senders only, or from nobody."""
    for name in graded.context.request.content.names:
        field = CONTENT_FIELDS[name]
        of_type = graded.rule and getattr(graded.rule, field)
        allowed = of_type or getattr(graded.context.profile, field)
        if allowed is Permission.NO or (allowed is Permission.REGISTRATION and not graded.registered):
            whom = "" if allowed is Permission.NO else " but registered ones"
            senders = f"{graded.sender.sender_type} senders" if of_type else "senders"
            return f"{graded.context.request.country} takes no {_CONTENT_WORDS[name]} in texts of any {senders}{whom}"
    return None


_CONTENT_WORDS = {
    "has_url": "links",
    "has_shortener": "links by a public shortener",
    "has_phone": "telephone numbers",
}


def _is_promotional(graded: GradedSender) -> bool:
    return graded.context.request.traffic_class is TrafficClass.PROMOTIONAL


# -- the order --------------------------------------------------------------------


class Kind(NamedTuple):
    """All that tells which filters a sender must be asked: most need not be, and an inventory may hold thousands."""

    sender_type: SenderType
    grade: Grade
    product: Product
    reply_expected: bool
    content: Content


class Filter(NamedTuple):
    """One filter; `concerns` tells which kinds of senders are asked at all."""

    code: Rejection
    fails: Callable[[GradedSender], str | None]
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


def _content(kind: Kind) -> bool:
    return any(kind.content)


#: The first that a sender fails names its rejection.
FILTERS: tuple[Filter, ...] = (
    Filter(Rejection.NOT_OWNED, not_owned, _everything),
    Filter(Rejection.NOT_ACTIVE, not_active, _everything),
    Filter(Rejection.MALFORMED, malformed, _everything),
    Filter(Rejection.NAME_TOO_LONG, name_too_long, _names),
    Filter(Rejection.NAME_TOO_SHORT, name_too_short, _names),
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
    Filter(Rejection.PROMOTION_NOT_ALLOWED, promotion_not_allowed, _names),
    Filter(Rejection.PROMOTIONAL_AFFIX, promotional_affix, _names),
    Filter(Rejection.CONTENT_NOT_ALLOWED, content_not_allowed, _content),
)


@cache
def _asked(*kind: Any) -> tuple[Filter, ...]:
    """The filters for the fields of a `Kind`, which is made only where they have not been met before."""
    return tuple(each for each in FILTERS if each.concerns(Kind(*kind)))


def screen(graded: GradedSender) -> Screened:
    """The sender after the filters."""
    request = graded.context.request
    kind = (graded.sender.sender_type, graded.grade, request.product, request.reply_expected, request.content)
    for code, fails, _ in _asked(*kind):
        words = fails(graded)
        if words is not None:
            return Screened(graded, code, words)
    return Screened(graded, None, "")
