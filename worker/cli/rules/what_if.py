"""What `rules diff` says of accounts: the defaults and smart choices that would change, counted whole, some listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.engine.country_rules import RuleBook
from core.engine.decision import Decision
from core.engine.graded_sender import label
from core.moments import rfc3339, second_text
from core.previews.rule_change import DefaultEffect, SmartEffect, WhatIf, changed_countries
from core.rules.diff import RuleChange
from core.sender import Product, naming_fields
from worker.cli.output import print_table, say
from worker.cli.session import Session


@dataclass(slots=True)
class Affected:
    """What was found at `at`. `later_from` is the next moment at which a changed country's rules change again."""

    at: datetime
    later_from: datetime | None
    defaults: list[DefaultEffect] = field(default_factory=list)
    smart: list[SmartEffect] = field(default_factory=list)
    default_counts: Counter[str] = field(default_factory=Counter)
    smart_counts: Counter[str] = field(default_factory=Counter)
    accounts: int = 0

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "at": rfc3339(self.at),
            "later_from": self.later_from and rfc3339(self.later_from),
            "defaults": [_default(effect) for effect in self.defaults],
            "smart": [_smart(effect) for effect in self.smart],
            "counts": {
                "defaults": _counted(self.default_counts, ("broken", "mended")),
                "smart": _counted(self.smart_counts, ("lost", "gained", "changed", "regraded")),
                "accounts": self.accounts,
            },
        }


def find_affected(
    session: Session, book: RuleBook, changes: Sequence[RuleChange], *, at: datetime, product: Product, limit: int
) -> Affected:
    """What the rules of `book` would do to accounts at `at`, local corrections over both sides; `limit` of each listed."""
    active, countries = session.store.active_rules(), changed_countries(changes)
    following = book.with_overrides(override.rule for override in session.store.overrides())
    boundaries = [each.next_boundary(country, at) for country in countries for each in (active, following)]
    affected = Affected(at, min((boundary for boundary in boundaries if boundary is not None), default=None))
    what_if = WhatIf(session.store, active, following, session.settings.policy, at, countries)
    accounts: set[str] = set()
    for effect in what_if.defaults():
        affected.default_counts["broken" if effect.before is None else "mended"] += 1
        accounts.add(effect.default.account_id)
        if len(affected.defaults) < limit:
            affected.defaults.append(effect)
    for change in what_if.smart(product):
        affected.smart_counts[_kind(change)] += 1
        accounts.add(change.account_id)
        if len(affected.smart) < limit:
            affected.smart.append(change)
    affected.accounts = len(accounts)
    return affected


def print_affected(affected: Affected) -> None:
    """For people."""
    counts = affected.document()["counts"]
    at = second_text(affected.at)
    say(f"Accounts affected at {at}: {affected.accounts}.")
    if affected.defaults:
        rows = [_default_row(effect) for effect in affected.defaults]
        print_table(f"Defaults: {_words(counts['defaults'])}", ("account", "country", "product", "", "why not"), rows)
    if affected.smart:
        title = f"Choices: {_words(counts['smart'])}"
        print_table(title, ("account", "country", "before", "after", "why"), map(_smart_row, affected.smart))
    hidden = sum(affected.default_counts.values()) + sum(affected.smart_counts.values())
    hidden -= len(affected.defaults) + len(affected.smart)
    if hidden:
        say(f"{hidden} more are counted and not listed; --accounts N lists more.")
    if affected.later_from is not None:
        later = second_text(affected.later_from)
        say(f"Rules of these countries change next at {later}: see --at {later}.")


def _kind(effect: SmartEffect) -> str:
    if effect.after.sender is None:
        return "lost"
    if effect.before.sender is None:
        return "gained"
    return "changed" if effect.before.sender != effect.after.sender else "regraded"


def _counted(counts: Counter[str], names: Iterable[str]) -> dict[str, int]:
    return {name: counts[name] for name in names}


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _default(effect: DefaultEffect) -> dict[str, Any]:
    return {
        "account_id": effect.default.account_id,
        "country": effect.default.country,
        "product": effect.default.product.value,
        "before": {"usable": effect.before is None, "detail": effect.before},
        "after": {"usable": effect.after is None, "detail": effect.after},
    }


def _default_row(effect: DefaultEffect) -> tuple[object, ...]:
    fate = "would break" if effect.before is None else "would be mended"
    default = effect.default
    return default.account_id, default.country, default.product, fate, effect.after or effect.before


def _smart(effect: SmartEffect) -> dict[str, Any]:
    request = effect.before.request
    return {
        "account_id": effect.account_id,
        "country": request.country,
        "product": request.product.value,
        "change": _kind(effect),
        "before": _choice(effect.before),
        "after": _choice(effect.after),
    }


def _choice(decision: Decision) -> dict[str, Any]:
    sender, code = decision.sender, decision.park or decision.reason
    named = sender and naming_fields(sender.sender_id, sender.sender_type, sender.country)
    return {
        "sender": named,
        "source": decision.source and decision.source.value,
        "grade": decision.grade and decision.grade.value,
        "reason": code and code.value,
        "detail": decision.detail,
    }


def _smart_row(effect: SmartEffect) -> tuple[object, ...]:
    before, after = _decision_words(effect.before), _decision_words(effect.after)
    return effect.account_id, effect.before.request.country, before, after, effect.after.detail


def _decision_words(decision: Decision) -> str:
    if decision.sender is None:
        return f"nobody ({decision.park})"
    return f"{label(decision.sender.sender_id, decision.sender.sender_type)} ({decision.grade})"
