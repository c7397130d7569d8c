"""Default senders that cannot be used any more, or will not be before long, each with the reason and the moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection

from core.accounts.accounts import AccountOrId, resolved_account
from core.defaults.default_senders import facts_for_defaults
from core.defaults.judge import ComplianceJudge, first_failure, meant_senders
from core.defaults.rows import StoredDefault, defaults_after
from core.defaults.strategies import STRATEGIES_FIELD, Strategy
from core.encoding import SCHEMA_VERSION, encode_json
from core.engine.country_rules import RuleBook
from core.engine.decision import DefaultStatus, Facts, Policy, Rejection, Request
from core.errors import FieldError
from core.moments import rfc3339, rfc3339_or_none
from core.storage.database import Database
from core.storage.tables import DEFAULT_SENDERS

#: Defaults judged at a time.
PAGE = 500

#: Name of the event that tells of one.
AT_RISK_EVENT = "default.at_risk"

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Risk:
    """A strategy of a default that cannot be used now, or from a moment to come; `position` runs from 0.

    `reason` is the code of the filter that the sender fails, `detail` the same in words. `at_risk_from` is
    None where the sender is unusable already, and no date of a rule, a sender or a registration says since when.
    """

    position: int
    strategy: Strategy
    reason: Rejection
    problem: FieldError
    usable_now: bool
    at_risk_from: datetime | None

    @property
    def detail(self) -> str:
        """Why, as a clause for people."""
        return self.problem.reason

    def document(self) -> dict[str, object]:
        """The risk as JSON values, under the names of the event."""
        return {
            **self.strategy.naming_fields,
            "reason": self.reason.value,
            "detail": self.detail,
            "usable_now": self.usable_now,
            "at_risk_from": rfc3339_or_none(self.at_risk_from),
        }


@dataclass(frozen=True, slots=True)
class EndangeredDefault:
    """A default with the risks of its strategies, in their order; at least one."""

    default: StoredDefault
    risks: tuple[Risk, ...]

    @property
    def usable_now(self) -> bool:
        """Whether every strategy can be used at present."""
        return all(risk.usable_now for risk in self.risks)

    @property
    def at_risk_from(self) -> datetime | None:
        """When the first of them ends or ended; None: already, since nobody knows."""
        moments = [risk.at_risk_from for risk in self.risks]
        return None if None in moments else min(filter(None, moments))


@dataclass(frozen=True, slots=True)
class RiskPage:
    """Some defaults in the order of their ids: all that were judged, and those at risk; `after` is None on the last page."""

    judged: tuple[UUID, ...]
    endangered: tuple[EndangeredDefault, ...]
    after: UUID | None


class AtRisk:
    """Looks `notice` ahead over all that has a date: rules, registrations, senders, an own number's year."""

    def __init__(
        self, database: Database, rules: Callable[[], RuleBook], policy: Policy, notice: timedelta = timedelta(0)
    ) -> None:
        self._database, self._rules, self._policy, self._notice = database, rules, policy, notice

    def find(self, account: AccountOrId | None = None) -> Iterator[EndangeredDefault]:
        """The enabled defaults at risk, of one account or of all, page by page. Raises NotFoundError."""
        judge, page = self.judge(), RiskPage((), (), None)
        while True:
            with self._database.single() as connection:
                mine = () if account is None else (_held_by(connection, account),)
                page = self.page(connection, judge, page.after, *mine)
            yield from page.endangered
            if page.after is None:
                return

    def page(
        self, connection: Connection, judge: ComplianceJudge, after: UUID | None, *conditions: ColumnElement[bool]
    ) -> RiskPage:
        """The next defaults behind `after`; two statements."""
        stored = defaults_after(connection, after, PAGE, DEFAULT_SENDERS.c.status == DefaultStatus.ENABLED, *conditions)
        requests = [Request(each.account_id, None, each.country, each.product) for each in stored]
        facts = facts_for_defaults(connection, requests)
        judged = (
            EndangeredDefault(each, self._risks(each, request, facts[request], judge))
            for each, request in zip(stored, requests, strict=True)
        )
        endangered = tuple(each for each in judged if each.risks)
        ids = tuple(each.default_id for each in stored)
        return RiskPage(ids, endangered, ids[-1] if len(ids) == PAGE else None)

    def judge(self) -> ComplianceJudge:
        """By what they are judged now."""
        return ComplianceJudge(self._rules(), self._policy, self._database.clock())

    def _risks(
        self, default: StoredDefault, request: Request, facts: Facts, judge: ComplianceJudge
    ) -> tuple[Risk, ...]:
        outlook = _Outlook(request, facts, judge, judge.now + self._notice)
        enabled = [each for each in enumerate(default.strategies) if each[1].status == DefaultStatus.ENABLED]
        found = (outlook.risk(position, strategy) for position, strategy in enabled)
        return tuple(risk for risk in found if risk is not None)


def at_risk_event(default: StoredDefault, risk: Risk, now: datetime) -> bytes:
    """The event `default.at_risk` as JSON."""
    return encode_json(
        {
            "schema": SCHEMA_VERSION,
            "event": AT_RISK_EVENT,
            "at": rfc3339(now),
            "default_id": str(default.default_id),
            "account_id": default.account_id,
            "country": default.country,
            "product": default.product.value,
            **risk.document(),
        }
    )


def _held_by(connection: Connection, account: AccountOrId) -> ColumnElement[bool]:
    return DEFAULT_SENDERS.c.account_ref == resolved_account(connection, account).user_id


@dataclass(frozen=True, slots=True)
class _Outlook:
    """One default, as it will be judged from the judge's moment until the end of the notice."""

    request: Request
    facts: Facts
    judge: ComplianceJudge
    until: datetime

    def risk(self, position: int, strategy: Strategy) -> Risk | None:
        """The first moment at which the strategy fails, found by walking from one boundary to the next."""
        then, decision = self.judge, self.judge.decision(strategy.ref, self.request, self.facts)
        while decision.sender is not None:
            if decision.valid_until is None or decision.valid_until > self.until:
                return None
            then = replace(self.judge, now=decision.valid_until)
            decision = then.decision(strategy.ref, self.request, self.facts)
        failure, problem = first_failure(decision), then.problem(strategy, self.request, self.facts)
        assert problem is not None
        reason = Rejection.NOT_OWNED if failure is None else failure[0]
        usable_now = then is not self.judge
        since = then.now if usable_now else self._since(strategy)
        path = f"{STRATEGIES_FIELD}[{position}].{problem.field}"
        return Risk(position, strategy, reason, FieldError(path, problem.reason), usable_now, since)

    def _since(self, strategy: Strategy) -> datetime | None:
        """The date that ended the strategy, if it is a date that did."""
        for boundary in sorted(self._past_boundaries(strategy), reverse=True):
            before = replace(self.judge, now=boundary - _INSTANT)
            if before.problem(strategy, self.request, self.facts) is None:
                return boundary
        return None

    def _past_boundaries(self, strategy: Strategy) -> set[datetime]:
        boundaries: set[datetime | None] = set()
        for sender in meant_senders(strategy.ref, self.facts):
            boundaries |= {sender.ends_at, *(each.valid_until for each in sender.registrations)}
        for rule in self.judge.rules.rules_of(self.request.country):
            boundaries |= {rule.effective_from, rule.effective_until}
        return {boundary for boundary in boundaries if boundary is not None and boundary <= self.judge.now}
