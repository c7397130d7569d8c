"""The steps by which senders that pass the filters are ranked: a total order, whatever the order they were read in.

A change here is a change of business. The last step never leaves two different senders equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Any

from core.engine.country_rules import Grade
from core.engine.decision import RankStep
from core.engine.graded_sender import EPOCH, GradedSender, label
from core.moments import moment_text
from core.sender import Sender, SenderType

#: `unknown` ranks here only where the policy admits it: what may be compliant goes before what surely is altered.
_GRADE_ORDER = {Grade.COMPLIANT: 0, Grade.UNKNOWN: 1, Grade.ALTERED: 2, Grade.BLOCKED: 3}
_NO_TIME = timedelta(0)

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One ranking step: the lower `key` goes first; `words` name what it saw.

    `below` and `above` stand between the words of a sender and those of its better or worse neighbour. `by_evidence`: what
    the receipts say of both is said as well.
    `tells_equals_apart`: senders that only such steps tell apart are equals, over which recipients may be spread.
    """

    code: RankStep
    key: Callable[[GradedSender], Any]
    words: Callable[[GradedSender], str]
    noun: str = ""
    below: str = "after"
    above: str = "before"
    tells_equals_apart: bool = False
    by_evidence: bool = False


def is_local(graded: GradedSender) -> bool:
    """Whether the sender is of the recipient country; a name registered there is, and a short code that names none."""
    sender = graded.sender
    if sender.country in graded.context.homes:
        return True
    is_placeless = sender.sender_type is SenderType.SHORTCODE and sender.country is None
    return graded.registered and (is_placeless or sender.sender_type is SenderType.ALPHA_TAG)


_OWNER_WORDS = ("the account's own", "its parent's", "the platform's")


def _owner_distance(graded: GradedSender) -> int:
    """How far the owner is from the account that sends: 0 itself, 1 its parent, 2 the platform pool."""
    owner, request = graded.sender.account_id, graded.context.request
    if owner is None:
        return 2
    return 0 if owner == (request.subaccount_id or request.account_id) else 1


def _recency(graded: GradedSender) -> tuple[bool, timedelta]:
    since = graded.sender.purchased_at or graded.sender.activated_at
    return (True, _NO_TIME) if since is None else (False, EPOCH - since)


def _since(graded: GradedSender) -> str:
    since = graded.sender.purchased_at or graded.sender.activated_at
    return "an unknown date" if since is None else moment_text(since)


class _Remainder:
    """All of a sender as text, made only where everything before it is equal (two rows of one sender)."""

    __slots__ = ("sender",)

    def __init__(self, sender: Sender) -> None:
        self.sender = sender

    def text(self) -> str:
        sender = self.sender
        classes = None if sender.traffic_classes is None else sorted(sender.traffic_classes)
        fields = (sender.status, sender.activated_at, sender.expires_at, sender.two_way, sender.mms, sender.evidence)
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


def _identity(graded: GradedSender) -> Key:
    sender = graded.sender
    owner = sender.account_id
    names = (sender.sender_id or "", sender.sender_type, owner is None, owner or "", sender.country or "")
    return (*names, _Remainder(sender))


def _identity_words(graded: GradedSender) -> str:
    sender = graded.sender
    return f"{label(sender.sender_id, sender.sender_type)} of {sender.account_id or 'the platform'}"


RANKING: tuple[Step, ...] = (
    Step(RankStep.GRADE, lambda graded: _GRADE_ORDER[graded.grade], lambda graded: graded.grade),
    Step(
        RankStep.REGISTERED,
        lambda graded: not graded.registered,
        lambda graded: "registered" if graded.registered else "not registered",
    ),
    Step(
        RankStep.LOCAL, lambda graded: not is_local(graded), lambda graded: "local" if is_local(graded) else "foreign"
    ),
    Step(
        RankStep.DEDICATED,
        lambda graded: graded.sender.shared,
        lambda graded: "shared" if graded.sender.shared else "dedicated",
    ),
    Step(
        RankStep.HEALTH,
        lambda graded: graded.sender.unhealthy,
        lambda graded: "unhealthy" if graded.sender.unhealthy else "healthy",
        by_evidence=True,
    ),
    Step(RankStep.NEAREST_OWNER, _owner_distance, lambda graded: _OWNER_WORDS[_owner_distance(graded)]),
    Step(
        RankStep.TYPE_PREFERENCE,
        lambda graded: graded.context.preference[graded.sender.sender_type],
        lambda graded: graded.sender.sender_type,
    ),
    Step(
        RankStep.TRUST,
        lambda graded: -graded.sender.trust_in_use,
        lambda graded: str(graded.sender.trust_in_use),
        "trust ",
        "<",
        ">",
        tells_equals_apart=True,
        by_evidence=True,
    ),
    Step(RankStep.RECENCY, _recency, _since, "held since ", "<", ">", tells_equals_apart=True),
    Step(RankStep.SENDER_ID, _identity, _identity_words, tells_equals_apart=True),
)


#: What equals have in common, out of a key.
_what_equals_share = itemgetter(*(index for index, step in enumerate(RANKING) if not step.tells_equals_apart))


def equal_but_for_trust(one: Key, other: Key) -> bool:
    """Whether two senders are equals, over which recipients may be spread: only trust, recency or the id differs."""
    return bool(_what_equals_share(one) == _what_equals_share(other))


def rank_key(graded: GradedSender) -> Key:
    """Sorts the senders of one request, best first."""
    return tuple([step.key(graded) for step in RANKING])


def rank_words(ranked: list[tuple[Key, GradedSender]]) -> list[str]:
    """For each of the senders, best first, the words for its rank: the step that decided against its neighbour.

    Where receipts are known of a sender, they are told of it.
    """
    if len(ranked) == 1:
        return [f"the only candidate that fits{_evidence_clause(ranked[0][1])}"]
    after = [_after(better, worse) for better, worse in pairwise(ranked)]
    return [_before(*ranked[:2]), *after] if ranked else []


def _deciding(better: Key, worse: Key) -> Step:
    for step, one, other in zip(RANKING, better, worse, strict=True):
        if one != other:
            return step
    return RANKING[-1]


def _after(better: tuple[Key, GradedSender], worse: tuple[Key, GradedSender]) -> str:
    (better_key, better_sender), (worse_key, worse_sender) = better, worse
    step = _deciding(better_key, worse_key)
    words = f"{step.noun}{step.words(worse_sender)} {step.below} {step.words(better_sender)}"
    return f"after {_label(better_sender)} ({step.code}): {words}{_evidence_of_both(step, worse_sender, better_sender)}"


def _before(better: tuple[Key, GradedSender], worse: tuple[Key, GradedSender]) -> str:
    step = _deciding(better[0], worse[0])
    words = f"{step.noun}{step.words(better[1])} {step.above} {step.words(worse[1])}"
    return f"before {_label(worse[1])} ({step.code}): {words}{_evidence_of_both(step, better[1], worse[1])}"


def _evidence_of_both(step: Step, graded: GradedSender, equal: GradedSender) -> str:
    """What is known of a sender, and of the one that it is compared with where the step is about it."""
    mine, others = _evidence_clause(graded), equal.sender.evidence
    if not step.by_evidence:
        return mine
    if others is not None:
        return f"{mine or '; nothing is measured of it'}; its equal {others.delivered:.1f} %"
    return f"{mine}; nothing is measured of its equal" if mine else ""


def _evidence_clause(graded: GradedSender) -> str:
    """`; delivers 97.2 % in DE over 12,400 messages of the last days, as of …`, or nothing."""
    evidence = graded.sender.evidence
    if evidence is None:
        return ""
    country, count = graded.context.request.country, f"{evidence.messages:,}"
    share = f"delivers {evidence.delivered:.1f} % in {country} over {count} messages"
    return f"; {share} of the last {evidence.span}, as of {moment_text(evidence.as_of)}"


def _label(graded: GradedSender) -> str:
    return label(graded.sender.sender_id, graded.sender.sender_type)
