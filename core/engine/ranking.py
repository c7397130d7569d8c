"""The steps by which senders that pass the filters are ranked: a total order, whatever the order they were read in.

A change here is a change of business. The last step never leaves two different senders equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from core.engine.case import EPOCH, Case, label
from core.engine.country_rules import Grade
from core.engine.decision import RankStep
from core.moments import when
from core.sender import Sender, SenderType

#: `unknown` ranks here only where the policy admits it: what may be compliant goes before what surely is altered.
_GRADE_ORDER = {Grade.COMPLIANT: 0, Grade.UNKNOWN: 1, Grade.ALTERED: 2, Grade.BLOCKED: 3}
_NO_TIME = timedelta(0)

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One ranking step: the lower `key` goes first; `words` name what it saw.

    `below` and `above` stand between the words of a case and those of its better or worse neighbour.
    """

    code: RankStep
    key: Callable[[Case], Any]
    words: Callable[[Case], str]
    noun: str = ""
    below: str = "after"
    above: str = "before"


def is_local(case: Case) -> bool:
    """Whether the sender is of the recipient country; a name registered there is, and a short code that names none."""
    sender = case.sender
    if sender.country in case.ground.homes:
        return True
    is_placeless = sender.sender_type is SenderType.SHORTCODE and sender.country is None
    return case.registered and (is_placeless or sender.sender_type is SenderType.ALPHA_TAG)


_OWNER_WORDS = ("the account's own", "its parent's", "the platform's")


def _owner_distance(case: Case) -> int:
    """How far the owner is from the account that sends: 0 itself, 1 its parent, 2 the platform pool."""
    owner, request = case.sender.account_id, case.ground.request
    if owner is None:
        return 2
    return 0 if owner == (request.subaccount_id or request.account_id) else 1


def _recency(case: Case) -> tuple[bool, timedelta]:
    since = case.sender.purchased_at or case.sender.activated_at
    return (True, _NO_TIME) if since is None else (False, EPOCH - since)


def _since(case: Case) -> str:
    since = case.sender.purchased_at or case.sender.activated_at
    return "an unknown date" if since is None else when(since)


class _Remainder:
    """All of a sender as text, made only where everything before it is equal (two rows of one sender)."""

    __slots__ = ("sender",)

    def __init__(self, sender: Sender) -> None:
        self.sender = sender

    def text(self) -> str:
        sender = self.sender
        classes = None if sender.traffic_classes is None else sorted(sender.traffic_classes)
        fields = (sender.status, sender.activated_at, sender.expires_at, sender.two_way, sender.mms)
        registrations = sorted(
            (r.country, r.status, str(r.valid_from), str(r.valid_until)) for r in sender.registrations
        )
        return str([*map(str, fields), str(sender.messages_per_second), classes, registrations])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Remainder) and self.text() == other.text()

    def __hash__(self) -> int:
        return hash(self.text())

    def __lt__(self, other: _Remainder) -> bool:
        return self.text() < other.text()


def _identity(case: Case) -> Key:
    sender = case.sender
    owner = sender.account_id
    names = (sender.sender_id or "", sender.sender_type, owner is None, owner or "", sender.country or "")
    return (*names, _Remainder(sender))


def _identity_words(case: Case) -> str:
    sender = case.sender
    return f"{label(sender.sender_id, sender.sender_type)} of {sender.account_id or 'the platform'}"


RANKING: tuple[Step, ...] = (
    Step(RankStep.GRADE, lambda case: _GRADE_ORDER[case.grade], lambda case: case.grade),
    Step(
        RankStep.REGISTERED,
        lambda case: not case.registered,
        lambda case: "registered" if case.registered else "not registered",
    ),
    Step(RankStep.LOCAL, lambda case: not is_local(case), lambda case: "local" if is_local(case) else "foreign"),
    Step(
        RankStep.DEDICATED,
        lambda case: case.sender.shared,
        lambda case: "shared" if case.sender.shared else "dedicated",
    ),
    Step(RankStep.NEAREST_OWNER, _owner_distance, lambda case: _OWNER_WORDS[_owner_distance(case)]),
    Step(
        RankStep.TYPE_PREFERENCE,
        lambda case: case.ground.preference[case.sender.sender_type],
        lambda case: case.sender.sender_type,
    ),
    Step(RankStep.TRUST, lambda case: -case.sender.trust, lambda case: str(case.sender.trust), "trust ", "<", ">"),
    Step(RankStep.RECENCY, _recency, _since, "held since ", "<", ">"),
    Step(RankStep.SENDER_ID, _identity, _identity_words),
)


#: Senders that are equal in so many steps may share the recipients of a country.
STEPS_OF_EQUALS = 6


def equals(one: Key, other: Key) -> bool:
    """Whether only trust, recency or the Sender ID tell two senders apart."""
    return one[:STEPS_OF_EQUALS] == other[:STEPS_OF_EQUALS]


def rank_key(case: Case) -> Key:
    """Sorts cases of one request, best first."""
    return tuple([step.key(case) for step in RANKING])


def places(ranked: list[tuple[Key, Case]]) -> list[str]:
    """For each of the cases, best first, the words for its place: the step that decided against its neighbour."""
    if len(ranked) == 1:
        return ["the only candidate that fits"]
    after = [_after(better, worse) for better, worse in pairwise(ranked)]
    return [_before(*ranked[:2]), *after] if ranked else []


def _deciding(better: Key, worse: Key) -> Step:
    for step, one, other in zip(RANKING, better, worse, strict=True):
        if one != other:
            return step
    return RANKING[-1]


def _after(better: tuple[Key, Case], worse: tuple[Key, Case]) -> str:
    (better_key, better_case), (worse_key, worse_case) = better, worse
    step = _deciding(better_key, worse_key)
    words = f"{step.noun}{step.words(worse_case)} {step.below} {step.words(better_case)}"
    return f"after {_label(better_case)} ({step.code}): {words}"


def _before(better: tuple[Key, Case], worse: tuple[Key, Case]) -> str:
    step = _deciding(better[0], worse[0])
    words = f"{step.noun}{step.words(better[1])} {step.above} {step.words(worse[1])}"
    return f"before {_label(worse[1])} ({step.code}): {words}"


def _label(case: Case) -> str:
    return label(case.sender.sender_id, case.sender.sender_type)
