"""What a new version of the rules would change, in words, timelines and all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.engine.country_profile import CountryProfile, ProfileFact
from core.engine.country_rules import CountryRule, RuleBook, RuleStatus, SenderOrigin
from core.moments import boundary_text
from core.rules.documents import PROFILE_FIELDS
from core.sender import SenderType

_CONTENT_WORDS = {"url_allowed": "links", "shortener_allowed": "shorteners", "phone_allowed": "telephone numbers"}

_Key = tuple[SenderType, SenderOrigin]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One difference between two versions.

    `what` is `country` (added or removed whole), `rule` (status, dates, who is admitted), `provenance` (sources,
    notes and the like of a rule alone) or a field of the profile. `sender_type` and `sender_country` are None
    unless a rule changed. `now` tells whether the difference is felt at the moment of comparison, or only later.
    """

    country: str
    sender_type: SenderType | None
    sender_country: SenderOrigin | None
    what: str
    before: str | None
    after: str | None
    now: bool = True


def diff_rules(old: RuleBook, new: RuleBook, moment: datetime) -> tuple[RuleChange, ...]:
    """The differences by country and sender type; overrides and rules that ended before `moment` are left out."""
    countries = sorted({*old.countries(), *new.countries()})
    return tuple(change for country in countries for change in _country_changes(old, new, country, moment))


def described_rule(rule: CountryRule) -> str:
    """A rule as a phrase: its status, from when to when (midnight UTC as a bare date), and for whom."""
    parts = [rule.status.value]
    if rule.status is RuleStatus.REGISTRATION_REQUIRED:
        parts.append(f"(unregistered: {rule.unregistered})")
    if rule.only_sender_countries:
        parts.append(f"for senders of {', '.join(rule.only_sender_countries)}")
    for name, words in _CONTENT_WORDS.items():
        if (allowed := getattr(rule, name)) is not None:
            parts.append(f"{words}: {allowed}")
    if rule.effective_from is not None:
        parts.append(f"from {boundary_text(rule.effective_from)}")
    if rule.effective_until is not None:
        parts.append(f"until {boundary_text(rule.effective_until)}")
    return " ".join(parts)


def described_fact(fact: ProfileFact) -> str:
    """A dated fact as a phrase: its field, its value, and from when to when."""
    parts = [fact.field, _words(fact.value)]
    if fact.effective_from is not None:
        parts.append(f"from {boundary_text(fact.effective_from)}")
    if fact.effective_until is not None:
        parts.append(f"until {boundary_text(fact.effective_until)}")
    return " ".join(parts)


def _country_changes(old: RuleBook, new: RuleBook, country: str, moment: datetime) -> Iterator[RuleChange]:
    if country not in old.rules or country not in new.rules:
        was, will = (book.profile(country).name if country in book.rules else None for book in (old, new))
        yield RuleChange(country, None, None, "country", was, will)
        return
    profile_changes = tuple(_profile_changes(old.profile(country), new.profile(country)))
    before, after = _timelines(old, country, moment), _timelines(new, country, moment)
    for key in _keys(before, after):
        change = _rule_change(country, key, before.get(key, ()), after.get(key, ()), moment)
        if change is not None and not (change.what == "provenance" and profile_changes):
            yield change
    yield from profile_changes


def _rule_change(
    country: str, key: _Key, before: tuple[CountryRule, ...], after: tuple[CountryRule, ...], moment: datetime
) -> RuleChange | None:
    was, will = (" ; ".join(map(described_rule, rules)) or None for rules in (before, after))
    if was != will:
        now = _in_force(before, moment) != _in_force(after, moment)
        return RuleChange(country, *key, "rule", was, will, now)
    if before != after:
        return RuleChange(country, *key, "provenance", _provenance(before), _provenance(after))
    return None


def _profile_changes(old: CountryProfile, new: CountryProfile) -> Iterator[RuleChange]:
    for name in PROFILE_FIELDS:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield RuleChange(old.country, None, None, name, _words(before), _words(after))


def _timelines(book: RuleBook, country: str, moment: datetime) -> dict[_Key, tuple[CountryRule, ...]]:
    timelines: dict[_Key, tuple[CountryRule, ...]] = {}
    for rule in sorted(
        book.rules[country], key=lambda rule: (rule.effective_from is not None, str(rule.effective_from))
    ):
        if rule.override_reason is None and (rule.effective_until is None or rule.effective_until > moment):
            key = (rule.sender_type, rule.sender_country)
            timelines[key] = (*timelines.get(key, ()), rule)
    return timelines


def _keys(*timelines: Iterable[_Key]) -> list[_Key]:
    order = [(sender_type, origin) for sender_type in SenderType for origin in SenderOrigin]
    held = {key for timeline in timelines for key in timeline}
    return [key for key in order if key in held]


def _in_force(rules: Iterable[CountryRule], moment: datetime) -> list[str]:
    current = (replace(rule, effective_from=None, effective_until=None) for rule in rules if rule.in_force(moment))
    return [described_rule(rule) for rule in current]


def _provenance(rules: Iterable[CountryRule]) -> str:
    return " ; ".join(
        f"{rule.as_of or 'undated'}, confidence {rule.confidence} of {rule.sources_total}, {rule.notes or 'no notes'}"
        for rule in rules
    )


def _words(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "unknown"}[value]
    if isinstance(value, tuple):
        items = (described_fact(item) if isinstance(item, ProfileFact) else str(item) for item in value)
        return ", ".join(items) or "(none)"
    return str(value) or "(empty)"
