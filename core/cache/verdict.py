"""Verdicts: the part of a decision that its messages need, small enough to share and to cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from core.encoding import encode_json
from core.engine.decision import AccountProblem, Alternate, Chosen, Decision, NoSender
from core.engine.destinations import DestinationMode
from core.engine.nearness import Place, place_of
from core.engine.spread import Ticket, tickets_of
from core.errors import ParkReason
from core.metrics.catalogue import NO_SENDER
from core.sender import Sender, SenderType, naming_fields

#: Raised with every change of what a verdict is encoded as, and of what decides: workers of two versions share Redis.
VERDICT_FORM = 9


class PoolSender(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One of the senders over which a group's recipients are spread, and what `spread.pick_sender` needs of it."""

    shared: msgspec.Raw
    ticket: Ticket
    place: Place | None = None


class _Timed(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True, tag_field="verdict"):
    """What every verdict says of time: Unix time in seconds, by the clock of the worker that decided."""

    valid_until: float | None = None
    decided_at: float = 0.0

    def over(self, now: float) -> bool:
        """Whether it holds no longer at `now` (Unix time in seconds)."""
        return self.valid_until is not None and now >= self.valid_until


class SenderVerdict(_Timed, frozen=True, gc=False, omit_defaults=True, tag="sender"):
    """The group's messages have a sender: `shared` is a JSON object of the fields that name it and say why.

    With a `pool` the recipient tells which of its senders it is: by a draw, unless `spread` is off, among those that are
    `nearest`. `monitored`: events tell of what goes to the country.
    `source`, who chose the sender, is for metrics.
    """

    shared: msgspec.Raw
    pool: tuple[PoolSender, ...] = ()
    spread: bool = True
    nearest: bool = False
    monitored: bool = False
    source: str = ""


class ParkVerdict(_Timed, frozen=True, gc=False, omit_defaults=True, tag="park"):
    """The group's messages are parked; `field` names the one that is to blame, where one is."""

    park: ParkReason
    detail: str
    field: str | None = None
    #: Nobody chose a sender.
    source: ClassVar[str] = NO_SENDER


#: What a message needs of the decision of its group.
Verdict = SenderVerdict | ParkVerdict


def decision_verdict(decision: Decision) -> Verdict:
    """The part of a decision that a message needs, encoded once for all messages."""
    outcome = decision.outcome
    valid_until = decision.valid_until.timestamp() if decision.valid_until else None
    if isinstance(outcome, NoSender):
        return ParkVerdict(outcome.park, decision.detail, valid_until=valid_until)
    return SenderVerdict(
        shared=_shared(outcome.sender, decision, outcome),
        pool=tuple(
            PoolSender(
                _shared(member.sender, decision, outcome), ticket, place_of(member.sender) if outcome.nearest else None
            )
            for member, ticket in zip(outcome.pool, tickets_of(outcome.pool), strict=True)
        ),
        spread=outcome.spread,
        nearest=outcome.nearest,
        source=str(outcome.source),
        valid_until=valid_until,
        monitored=decision.destination.mode is DestinationMode.MONITOR,
    )


def _shared(sender: Sender, decision: Decision, chosen: Chosen) -> msgspec.Raw:
    asked = decision.asked
    assignment = {
        "source": chosen.source,
        "grade": chosen.grade,
        "reason": chosen.reason,
        "warnings": decision.warnings,
        "decision_id": decision.decision_id,
        "rules_version": decision.rules_version,
        "alternates": [_alternate(each) for each in chosen.alternates_after(sender)],
        "requested_sender_id": asked.sender_id if asked and decision.reverted else None,
    }
    return sender_fields(sender.sender_id, sender.sender_type, sender.country, assignment)


def _alternate(alternate: Alternate) -> Mapping[str, object]:
    sender = alternate.sender
    return naming_fields(sender.sender_id, sender.sender_type, sender.country) | {"grade": alternate.grade}


def sender_fields(
    sender_id: str | None, sender_type: SenderType, country: str | None, assignment: Mapping[str, object]
) -> msgspec.Raw:
    """The JSON object of the fields of an enriched message that name its sender and say why."""
    return msgspec.Raw(encode_json(naming_fields(sender_id, sender_type, country) | {"assignment": assignment}))


def problem_verdict(problem: AccountProblem) -> ParkVerdict:
    """The verdict where the account itself is the reason."""
    return ParkVerdict(problem.reason, problem.detail, problem.field)
