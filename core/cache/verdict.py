"""Verdicts: the part of a decision that its messages need, small enough to share and to cache."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from core.encoding import encode_json
from core.engine.decision import AccountProblem, Decision
from core.engine.spread import Ticket, tickets_of
from core.errors import ParkReason
from core.sender import Sender

#: Raised with every change of what a verdict is encoded as, and of what decides: workers of two versions share Redis.
VERDICT_FORM = 3

#: `Verdict.shared` where there is no sender.
NOTHING = msgspec.Raw(b"null")


class PoolSender(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One of the senders over which a group's recipients are spread, and what `spread.pick_sender` needs of it."""

    shared: msgspec.Raw
    ticket: Ticket


class Verdict(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a message needs of the decision of its group.

    Either `park` is None, and `shared` is a JSON object of the fields that name the sender and say why; or the message
    is parked. `valid_until` is Unix time in seconds, and so is `decided_at`, by the clock of the worker that decided.
    With a `pool` the recipient tells which of its senders it is.
    """

    shared: msgspec.Raw
    park: ParkReason | None = None
    detail: str = ""
    field: str | None = None
    valid_until: float | None = None
    pool: tuple[PoolSender, ...] = ()
    decided_at: float = 0.0

    def over(self, now: float) -> bool:
        """Whether it holds no longer at `now` (Unix time in seconds)."""
        return self.valid_until is not None and now >= self.valid_until


def decision_verdict(decision: Decision) -> Verdict:
    """The part of a decision that a message needs, encoded once for all messages."""
    assignment = _assignment(decision)
    return Verdict(
        shared=_shared(decision.sender, assignment),
        park=decision.park,
        detail=decision.detail,
        valid_until=decision.valid_until.timestamp() if decision.valid_until else None,
        pool=tuple(
            PoolSender(_shared(member.sender, assignment), ticket)
            for member, ticket in zip(decision.pool, tickets_of(decision.pool), strict=True)
        ),
    )


def _assignment(decision: Decision) -> Mapping[str, object]:
    asked = decision.asked
    return {
        "source": decision.source,
        "grade": decision.grade,
        "reason": decision.reason,
        "warnings": decision.warnings,
        "decision_id": decision.decision_id,
        "rules_version": decision.rules_version,
        "requested_sender_id": asked.sender_id if asked and decision.reverted else None,
    }


def _shared(sender: Sender | None, assignment: Mapping[str, object]) -> msgspec.Raw:
    if sender is None:
        return NOTHING
    return sender_fields(sender.sender_id, sender.sender_type, sender.country, assignment)


def sender_fields(
    sender_id: str | None, sender_type: str, country: str | None, assignment: Mapping[str, object]
) -> msgspec.Raw:
    """The JSON object of the fields of an enriched message that name its sender and say why."""
    named = {"sender_id": sender_id, "sender_type": sender_type, "sender_country_code": country}
    return msgspec.Raw(encode_json(named | {"assignment": assignment}))


def problem_verdict(problem: AccountProblem) -> Verdict:
    """The verdict where the account itself is the reason."""
    return Verdict(NOTHING, problem.reason, problem.detail, problem.field)
