"""Receipts added up: thousands of outcomes become a few figures for each sender and country."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from core.contract.feedback import Outcome, OutcomeKind
from core.sender import SenderType
from core.trust.rates import Added, TrustPolicy


class Named(NamedTuple):
    """A sender as receipts name it, and the accounts that they name with it."""

    account_id: str | None
    subaccount_id: str | None
    sender_type: SenderType
    sender_id: str | None


#: Where the counts stand in the list of one group.
_PLACES = {
    OutcomeKind.DELIVERED: 0,
    OutcomeKind.FAILED: 1,
    OutcomeKind.BLOCKED: 2,
    OutcomeKind.EXPIRED: 3,
    OutcomeKind.SPAM_REPORT: 4,
}
_RECENT, _RECENT_GOOD, _NEWEST = 5, 6, 7
_DELIVERED, _SPAM = OutcomeKind.DELIVERED, OutcomeKind.SPAM_REPORT

_Group = tuple[str | None, str | None, SenderType, str | None, str]


def tally(outcomes: Iterable[Outcome], now: datetime, policy: TrustPolicy) -> Mapping[tuple[Named, str], Added]:
    """What the outcomes add, by sender and country; each counts less the older it is at `now`."""
    moment, half_life, places = now.timestamp(), policy.half_life_s, _PLACES
    recent_from = moment - policy.recent_half_life_s
    groups: dict[_Group, list[float]] = {}
    for each in outcomes:
        key = (each.account_id, each.subaccount_id, each.sender_type, each.sender_id, each.country)
        counts = groups.get(key)
        if counts is None:
            counts = groups[key] = [0.0] * 8
        at, kind = each.at.timestamp(), each.outcome
        counts[places[kind]] += 0.5 ** ((moment - at) / half_life) if at < moment else 1.0
        if at >= recent_from and kind is not _SPAM:
            counts[_RECENT] += 1
            if kind is _DELIVERED:
                counts[_RECENT_GOOD] += 1
        if at > counts[_NEWEST]:
            counts[_NEWEST] = min(at, moment)
    return {(Named(*key[:4]), key[4]): _added(counts) for key, counts in groups.items()}


def _added(counts: list[float]) -> Added:
    return Added(
        delivered=counts[0],
        failed=counts[1],
        blocked=counts[2],
        expired=counts[3],
        spam=counts[4],
        recent=int(counts[_RECENT]),
        recent_good=int(counts[_RECENT_GOOD]),
        newest=counts[_NEWEST],
    )
