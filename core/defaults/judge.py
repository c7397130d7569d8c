"""Whether the senders of a default may be one: judged by the engine, as it would judge a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.defaults.strategies import STRATEGIES_FIELD, Strategy
from core.engine.country_rules import RuleBook
from core.engine.decide import decide
from core.engine.decision import (
    AlteredSenders,
    Decision,
    DefaultStatus,
    Facts,
    InvalidOverride,
    Policy,
    Rejection,
    Request,
    SenderRef,
)
from core.engine.destinations import DestinationMode
from core.errors import FieldError, ParkReason
from core.sender import Sender, TrafficClass
from core.sender_ids import named_senders


def with_country(strategy: Strategy, facts: Facts) -> Strategy:
    """The strategy with the country of the sender that it names, where it gives none itself; its number in E.164."""
    if strategy.sender_country_code is not None:
        return strategy.as_kept
    countries = {
        sender.country for sender in meant_senders(strategy.ref, facts) if sender.sender_type is strategy.sender_type
    }
    return replace(strategy, sender_country_code=countries.pop() if len(countries) == 1 else None).as_kept


@dataclass(frozen=True, slots=True)
class ComplianceJudge:
    """By what defaults are judged: the rules, the operator's policy and the moment."""

    rules: RuleBook
    policy: Policy
    now: datetime

    def errors(self, strategies: Mapping[int, Strategy], request: Request, facts: Facts) -> list[FieldError]:
        """Why strategies may not be a default for the request's country and product; disabled ones are passed over.

        `strategies` are known by their places in the list.
        """
        problems = {
            index: self.problem(strategy, request, facts)
            for index, strategy in strategies.items()
            if strategy.status == DefaultStatus.ENABLED
        }
        return [
            FieldError(f"{STRATEGIES_FIELD}[{index}].{problem.field}", problem.reason)
            for index, problem in problems.items()
            if problem is not None
        ]

    def problem(self, strategy: Strategy, request: Request, facts: Facts) -> FieldError | None:
        """Why the sender may not be one; the field is one of the strategy's.

        The engine judges, as it would for a message, but an altered sender does not count as compliant.
        """
        decision = self.decision(strategy.ref, request, facts)
        if decision.sender is not None:
            return None
        if decision.park is ParkReason.SENDER_NOT_OWNED and strategy.sender_country_code is not None:
            anywhere = replace(strategy.ref, sender_country=None)
            if self.decision(anywhere, request, facts).park is not ParkReason.SENDER_NOT_OWNED:
                return FieldError("sender_country_code", "is not the country of this sender")
        return FieldError("sender_id", _words(decision))

    def decision(self, ref: SenderRef, request: Request, facts: Facts) -> Decision:
        """The decision for a message that must be sent by `ref`, of the traffic class that suits it best.

        Whether the account sends to the country at present is another question: a default may wait for that.
        """
        strict = replace(
            self.policy,
            invalid_override=InvalidOverride.PARK,
            altered_senders=AlteredSenders.FORBID,
            default_destination=DestinationMode.ALLOW,
        )
        alone = replace(facts, senders=tuple(meant_senders(ref, facts)), defaults=(), destinations=())
        asked = request._replace(explicit=None, override=ref)
        decisions = [
            decide(asked._replace(traffic_class=traffic_class), alone, self.rules, strict, self.now)
            for traffic_class in _classes(alone.senders)
        ]
        return next((decision for decision in decisions if decision.sender is not None), decisions[0])


def _classes(senders: Sequence[Sender]) -> Sequence[TrafficClass]:
    """Transactional, unless a sender is meant for other traffic only."""
    limited = any(sender.traffic_classes is not None for sender in senders)
    return tuple(TrafficClass) if limited else (TrafficClass.TRANSACTIONAL,)


def meant_senders(ref: SenderRef, facts: Facts) -> list[Sender]:
    """The senders of that Sender ID, whatever their type and country; without one, all shared numbers."""
    if not ref.sender_id:
        return [sender for sender in facts.senders if sender.shared]
    return named_senders(ref.sender_id, ref.sender_country, facts.senders)


def _words(decision: Decision) -> str:
    if decision.park is ParkReason.SENDER_NOT_OWNED:
        return "is not a sender of this account"
    failure = first_failure(decision)
    why = "" if failure is None else f": {failure[1]} ({failure[0]})"
    if decision.park is ParkReason.SENDER_NOT_ACTIVE:
        return f"is not active{why}"
    if decision.park is ParkReason.NO_SENDER_FOR_PRODUCT:
        return f"cannot carry {decision.request.product}{why}"
    return f"is not compliant in {decision.request.country}{why}"


def first_failure(decision: Decision) -> tuple[Rejection, str] | None:
    """What stands against the sender of a decision without one, in words too; None: it is in no inventory."""
    return next(((each.rejected, each.detail) for each in decision.candidates if each.rejected is not None), None)
