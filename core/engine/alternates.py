"""Alternates: who would send if the sender that was chosen failed at the carrier, and who after that.

They are what a resend would choose, one failure after the other, so whoever dispatches may go on without asking again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.engine.country_rules import Grade
from core.engine.decision import Alternate, Facts, Rejection
from core.engine.failed_senders import WORDS, identity
from core.engine.filters import Screened
from core.engine.graded_sender import RequestContext
from core.engine.named_senders import FoundSender, NoneFound, Screening, choose_named
from core.sender import SenderType


def outward_grade(grade: Grade) -> Grade:
    """The grade as the wire knows it: a sender that the policy admits where the data says nothing counts as compliant."""
    return Grade.ALTERED if grade is Grade.ALTERED else Grade.COMPLIANT


def alternates(
    context: RequestContext, facts: Facts, screening: Screening, first: Screened, fit: Sequence[Screened]
) -> tuple[Alternate, ...]:
    """The senders after `first`, as many as the policy asks for; `fit` are those that passed the filters, best first."""
    if len(fit) < 2:
        return ()
    found: list[Alternate] = []
    failed = {identity(first.graded.sender)}
    while len(found) < context.policy.alternates:
        following = _following(context, facts, screening, failed, fit)
        if following is None:
            break
        sender = following.graded.sender
        failed.add(identity(sender))
        found.append(Alternate(sender, outward_grade(following.graded.grade)))
    return tuple(found)


def _following(
    context: RequestContext,
    facts: Facts,
    screening: Screening,
    failed: set[tuple[SenderType, str]],
    fit: Sequence[Screened],
) -> Screened | None:
    left = Screening.of(_without(failed, screening.senders))
    named = choose_named(context.request, facts.defaults, context.policy, left)
    if isinstance(named.answer, FoundSender):
        return named.answer.screened
    if isinstance(named.answer, NoneFound):
        return None
    passed = (each for each in fit if identity(each.graded.sender) not in failed)
    return next((each for each in passed if not (each.graded.sender.shared and left.dedicated)), None)


def _without(failed: set[tuple[SenderType, str]], senders: Sequence[Screened]) -> Iterator[Screened]:
    for each in senders:
        if each.rejected is None and identity(each.graded.sender) in failed:
            yield each._replace(rejected=Rejection.FAILED_BEFORE, words=WORDS)
        else:
            yield each
