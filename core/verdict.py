"""Verdicts: the part of a decision that its messages need, small enough to share and to cache."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from core.contracts import encode_json
from core.decision import Decision, PoolMember
from core.errors import ParkReason
from core.spread import Draw, draws_of
from core.store_facts import AccountProblem


class PoolSender(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One of the senders over which a group's recipients are spread, and what `spread.pick` needs of it."""

    sender_id: str | None
    sender_type: str
    sender_country: str | None
    draw: Draw


class Verdict(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a message needs of the decision of its group; `assignment` is encoded already.

    Either `park` is None and the sender stands, or the message is parked. `valid_until` is Unix time in seconds.
    With a `pool` the recipient tells which of its senders it is.
    """

    sender_id: str | None
    sender_type: str
    sender_country: str | None
    assignment: msgspec.Raw
    park: ParkReason | None
    detail: str
    field: str | None
    valid_until: float | None
    pool: tuple[PoolSender, ...] = ()

    def over(self, now: float) -> bool:
        """Whether it holds no longer at `now` (Unix time in seconds)."""
        return self.valid_until is not None and now >= self.valid_until


def decision_verdict(decision: Decision) -> Verdict:
    """The part of a decision that a message needs, with its `assignment` encoded once for all messages."""
    sender = decision.sender
    asked = decision.asked
    assignment = {
        "source": decision.source,
        "grade": decision.grade,
        "reason": decision.reason,
        "warnings": decision.warnings,
        "decision_id": decision.decision_id,
        "rules_version": decision.rules_version,
        "requested_sender_id": asked.sender_id if asked and decision.reverted else None,
    }
    return Verdict(
        sender_id=sender.sender_id if sender else None,
        sender_type=sender.sender_type if sender else "",
        sender_country=sender.country if sender else None,
        assignment=msgspec.Raw(encode_json(assignment)),
        park=decision.park,
        detail=decision.detail,
        field=None,
        valid_until=decision.valid_until.timestamp() if decision.valid_until else None,
        pool=_pool(decision.pool),
    )


def _pool(pool: Sequence[PoolMember]) -> tuple[PoolSender, ...]:
    draws = zip((member.sender for member in pool), draws_of(pool), strict=True)
    return tuple(PoolSender(sender.sender_id, sender.sender_type, sender.country, draw) for sender, draw in draws)


def problem_verdict(problem: AccountProblem) -> Verdict:
    """The verdict where the account itself is the reason."""
    return Verdict(None, "", None, msgspec.Raw(b"null"), problem.reason, problem.detail, problem.field, None)
