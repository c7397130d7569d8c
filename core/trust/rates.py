"""The arithmetic of trust: rates that fade, one account's share of them, steps that do not flap. Pure.

Two figures are kept of a sender in a country. The **rates** count every receipt, each less the older it is (half after
TRUST_HALF_LIFE_H): they become the trust. The **recent** ones are an average over about the last hundred receipts: they say
within a few dozen messages that a sender has died, however long and well it delivered before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

#: Receipts after which a receipt of before counts for a third of what it did; so the recent ones are never more than that.
WINDOW = 100
#: Recent receipts that are needed before a sender is called unhealthy: half a window.
ENOUGH_RECENT = 50.0
#: As recent receipts fade, an unhealthy sender is tried again when so many are left.
TRIED_AGAIN_BELOW = 25.0
#: How much faster recent receipts fade than the rates do: 6 hours for 72.
RECENT_FADES_FASTER = 12
#: Points by which a sender must deliver better than the floor before it is called healthy again.
RECOVERED_BY = 10.0
#: Undelivered messages that a spam report counts for.
SPAM_WEIGHT = 10.0
#: Trust is published in steps of so many points; it moves when the measure is so far from what is published.
STEP, STEP_MOVES_AT = 5, 3.75
#: The part of a measure that comes from one account which is not the sender's owner, at most.
MOST_OF_ONE_ACCOUNT = 0.25
#: After so many half-lives, what is kept of a sender counts for nothing, and is forgotten.
FORGOTTEN_AFTER_HALF_LIVES = 12
_HOUR_S = 3600.0
_LESS_THAN_A_DAY_H = 24.0


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """The operator's choices (settings TRUST_HALF_LIFE_H, TRUST_MIN_SAMPLES, HEALTH_FLOOR); the floor in percent, 0: off."""

    half_life_h: float = 72.0
    min_samples: int = 200
    health_floor: float = 50.0

    @property
    def half_life_s(self) -> float:
        """The half-life of the rates, in seconds."""
        return self.half_life_h * _HOUR_S

    @property
    def recent_half_life_s(self) -> float:
        """That of the recent receipts."""
        return self.half_life_s / RECENT_FADES_FASTER

    @property
    def span(self) -> str:
        """What the rates are a matter of, in words."""
        return "hours" if self.half_life_h < _LESS_THAN_A_DAY_H else "days"


class Rates(NamedTuple):
    """What is kept of a sender in a country, of the receipts that one source vouches for; faded counts but for the times.

    `at` and `newest` are Unix time in seconds: of the last change, and of the newest receipt. `recent` counts recent
    receipts of messages, and `recent_good` those of them that were delivered.
    """

    at: float
    delivered: float = 0.0
    failed: float = 0.0
    blocked: float = 0.0
    expired: float = 0.0
    spam: float = 0.0
    recent: float = 0.0
    recent_good: float = 0.0
    newest: float = 0.0

    @property
    def messages(self) -> float:
        """How many messages the receipts are of."""
        return self.delivered + self.failed + self.blocked + self.expired

    @property
    def samples(self) -> float:
        """How many receipts there are."""
        return self.messages + self.spam

    @property
    def weight(self) -> float:
        """How much they weigh in the measure."""
        return self.messages + SPAM_WEIGHT * self.spam

    def at_time(self, now: float, policy: TrustPolicy) -> Rates:
        """The same as it has faded until `now`."""
        age = max(0.0, now - self.at)
        fade, quick = 0.5 ** (age / policy.half_life_s), 0.5 ** (age / policy.recent_half_life_s)
        return Rates(
            max(now, self.at),
            self.delivered * fade,
            self.failed * fade,
            self.blocked * fade,
            self.expired * fade,
            self.spam * fade,
            self.recent * quick,
            self.recent_good * quick,
            self.newest,
        )

    def plus(self, added: Added) -> Rates:
        """The same with receipts that have come in at the moment `at`. worker/handoff/lua/_rates.lua does it in Redis."""
        recent, good = self.recent, self.recent_good
        if added.recent:
            keep = (1.0 - 1.0 / WINDOW) ** added.recent
            recent = recent * keep + WINDOW * (1.0 - keep)
            good = good * keep + WINDOW * (1.0 - keep) * added.recent_good / added.recent
        return Rates(
            self.at,
            self.delivered + added.delivered,
            self.failed + added.failed,
            self.blocked + added.blocked,
            self.expired + added.expired,
            self.spam + added.spam,
            recent,
            good,
            max(self.newest, added.newest),
        )


class Added(NamedTuple):
    """Receipts of one sender, country and source that are to be added: faded counts, and how many of them are recent."""

    delivered: float
    failed: float
    blocked: float
    expired: float
    spam: float
    recent: int
    recent_good: int
    newest: float


class Measure(NamedTuple):
    """What the rates of all sources come to.

    `samples` are all receipts and `messages` those that tell of a delivery or a failure; `delivered` is the share of the
    messages in percent. `trust` is 0 to 100 with a fraction, and `error` its standard error. `recent` counts the recent ones
    of all sources, and `recent_delivered` is their share in percent.
    """

    samples: float
    messages: float
    delivered: float
    trust: float
    error: float
    recent: float
    recent_delivered: float


class State(NamedTuple):
    """What is to be published: trust in steps, or None where too little is known; and whether the sender is unhealthy."""

    trust: int | None
    unhealthy: bool


def measured(own: Rates, others: Sequence[Rates], inventory_trust: int, policy: TrustPolicy) -> Measure:
    """What the owner's own word (`own`) and that of other accounts (`others`) come to, all faded until the same moment.

    Of each other account no more counts than a quarter of the whole. Where the owner says little and few others say
    anything, the trust of the inventory stands for the rest.
    """
    weights = [each.weight for each in others]
    stand_in = max(0.0, policy.min_samples - own.weight) if others else 0.0
    most = most_of_one(weights, own.weight + stand_in)
    parts = [
        (own, 1.0),
        *((each, min(1.0, most / weight)) for each, weight in zip(others, weights, strict=True) if weight),
    ]
    messages = sum(each.messages * share for each, share in parts)
    delivered = sum(each.delivered * share for each, share in parts)
    against = sum(each.spam * share for each, share in parts) * SPAM_WEIGHT
    whole = messages + against + stand_in
    good = (delivered + stand_in * inventory_trust / 100) / whole if whole else inventory_trust / 100
    recent, recent_delivered = _recent(own, others)
    return Measure(
        samples=own.samples + sum(each.samples for each in others),
        messages=own.messages + sum(each.messages for each in others),
        delivered=100 * delivered / messages if messages else 0.0,
        trust=100 * good,
        error=100 * math.sqrt(good * (1 - good) / whole) if whole else 0.0,
        recent=recent,
        recent_delivered=recent_delivered,
    )


def _recent(own: Rates, others: Sequence[Rates]) -> tuple[float, float]:
    """How many recent receipts there are, and the share that was delivered; a window that few fill counts as delivered."""
    counts = [each.recent for each in others]
    stand_in = max(0.0, WINDOW - own.recent) if others else 0.0
    most = most_of_one(counts, own.recent + stand_in)
    good, whole = own.recent_good + stand_in, own.recent + stand_in
    for each, count in zip(others, counts, strict=True):
        if count:
            share = min(1.0, most / count)
            good, whole = good + each.recent_good * share, whole + count * share
    return own.recent + sum(counts), 100 * good / whole if whole else 100.0


def most_of_one(weights: Sequence[float], rest: float) -> float:
    """The weight that one of `weights` may have at most, beside the others and the `rest`, to be a quarter of the whole."""
    kept = sorted(weights, reverse=True)
    below = sum(kept) + rest
    for place, weight in enumerate(kept):
        # With all but the first `place` as they are, those may have this much each.
        room = 1 - MOST_OF_ONE_ACCOUNT * place
        level = MOST_OF_ONE_ACCOUNT * below / room if room > 0 else math.inf
        if weight <= level:
            return level
        below -= weight
    room = 1 - MOST_OF_ONE_ACCOUNT * len(kept)
    return MOST_OF_ONE_ACCOUNT * below / room if room > 0 else math.inf


def next_state(measure: Measure, before: State, policy: TrustPolicy) -> State:
    """What is to be published of a measure, where `before` is: it moves only where the measure has moved enough."""
    return State(_next_trust(measure, before.trust, policy), _next_health(measure, before.unhealthy, policy))


def _next_trust(measure: Measure, before: int | None, policy: TrustPolicy) -> int | None:
    """Once enough samples are in there is a trust, until half of them have faded."""
    # A sample counts a little less as soon as it is in.
    enough = policy.min_samples * (0.999 if before is None else 0.5)
    if measure.samples < enough or not measure.samples:
        return None
    if before is not None and abs(measure.trust - before) < max(STEP_MOVES_AT, 2 * measure.error):
        return before
    return STEP * round(measure.trust / STEP)


def _next_health(measure: Measure, unhealthy: bool, policy: TrustPolicy) -> bool:
    if not unhealthy:
        return measure.recent >= ENOUGH_RECENT and measure.recent_delivered < policy.health_floor
    recovered_at = min(policy.health_floor + RECOVERED_BY, 100.0)
    return measure.recent >= TRIED_AGAIN_BELOW and measure.recent_delivered < recovered_at


def next_look_s(measure: Measure, state: State, policy: TrustPolicy) -> float | None:
    """In how many seconds, without another receipt, something is to change; None: nothing will, but that it is forgotten."""
    waits = []
    if state.unhealthy:
        waits.append(policy.recent_half_life_s * math.log2(max(1.0, measure.recent / TRIED_AGAIN_BELOW)))
    if state.trust is not None:
        waits.append(policy.half_life_s * math.log2(max(1.0, measure.samples / (policy.min_samples * 0.5))))
    # A little later, so that it is then surely so.
    return min(waits) + 1.0 if waits else None
