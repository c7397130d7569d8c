"""What holds when for one column of a country: the cells of its line, and the dated facts over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from core.engine.country_profile import CONTENT_FIELDS, Certainty, Permission
from core.engine.country_rules import Grade
from core.moments import parse_moment
from core.rules.facts_file import UNKNOWN, Fact
from core.rules.wide_file import Row, dated_columns

_SURENESS = (Certainty.LOW, Certainty.MEDIUM, Certainty.HIGH)


@dataclass(frozen=True, slots=True)
class Phase:
    """A status while it holds. `facts` are those that it rests on, and `on_the_line` whether the line says so too.

    A fact without sources of its own is the line's, to which it gives a date. `content` says who may send texts that hold
    a link and the like, by the field of a rule.
    """

    cell: str
    unregistered: Grade = Grade.BLOCKED
    effective_from: datetime | None = None
    effective_until: datetime | None = None
    facts: tuple[Fact, ...] = ()
    on_the_line: bool = True
    content: Mapping[str, Any] = field(default_factory=dict)

    @property
    def certainty(self) -> Certainty | None:
        """That of the least sure fact on the status; None where the line alone speaks of it."""
        sure = (fact.certainty for fact in self.facts if fact.field == "status")
        return min(sure, key=_SURENESS.index, default=None)


def phases_of(row: Row, column: str) -> tuple[Phase, ...]:
    """What the cells of a line say, its date columns with them."""
    since, before, unregistered = dated_columns(column)
    grade = Grade(row.get(unregistered) or Grade.BLOCKED)
    if not row.get(since):
        return (Phase(row[column], grade),)
    turn = parse_moment(row[since])
    return Phase(row[before], effective_until=turn), Phase(row[column], grade, effective_from=turn)


def with_facts(cell: str, facts: Iterable[Fact]) -> tuple[Phase, ...]:
    """The phases of a column whose line says `cell` today, by the facts on it in the order of their dates."""
    ordered = sorted(facts, key=lambda fact: (fact.effective_from is not None, str(fact.effective_from)))
    statuses = [fact for fact in ordered if fact.field == "status"]
    phases: tuple[Phase, ...] = (Phase(statuses[0].old_value if statuses else cell),)
    for fact in (*statuses, *(fact for fact in ordered if fact.field != "status")):
        phases = tuple(_with_fact(phase, fact) if _within(phase, fact) else phase for phase in _split(phases, fact))
    return phases


def _split(phases: Sequence[Phase], fact: Fact) -> Iterable[Phase]:
    """The phases, cut in two where the fact begins or ends."""
    for moment in (fact.effective_from, fact.effective_until):
        if moment is not None:
            phases = [part for phase in phases for part in _cut(phase, moment)]
    return phases


def _cut(phase: Phase, moment: datetime) -> tuple[Phase, ...]:
    begun = phase.effective_from is None or phase.effective_from < moment
    if begun and (phase.effective_until is None or moment < phase.effective_until):
        return replace(phase, effective_until=moment), replace(phase, effective_from=moment)
    return (phase,)


def _within(phase: Phase, fact: Fact) -> bool:
    begin, end = fact.effective_from, fact.effective_until
    begun = begin is None or (phase.effective_from is not None and begin <= phase.effective_from)
    return begun and (end is None or (phase.effective_until is not None and phase.effective_until <= end))


def _with_fact(phase: Phase, fact: Fact) -> Phase:
    if fact.field == "status" and fact.new_value != phase.cell:
        own = bool(fact.sources)
        return replace(phase, cell=fact.new_value, unregistered=Grade.BLOCKED, facts=(fact,), on_the_line=not own)
    if fact.field == "unregistered":
        if phase.cell != "registration_required":
            return phase
        others = tuple(each for each in phase.facts if each.field != "unregistered")
        return replace(phase, unregistered=Grade(fact.new_value), facts=(fact, *others))
    if fact.field in CONTENT_FIELDS.values():
        allowed = None if fact.new_value in ("", UNKNOWN) else Permission(fact.new_value)
        return replace(phase, content={**phase.content, fact.field: allowed}, facts=(fact, *phase.facts))
    return replace(phase, facts=(fact, *phase.facts))
