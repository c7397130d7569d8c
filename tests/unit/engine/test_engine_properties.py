"""What holds for every decision; the tables of test_engine.py say what single ones are."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from core.engine.country_rules import Grade
from core.engine.explanation import explanation, sentence
from core.engine.filters import Screened, screen
from core.engine.graded_sender import context_of, grade_sender
from core.engine.ranking import rank_key
from core.sender import Evidence, Sender, bare_sender_id
from tests.support.effort import examples
from tests.support.strategies import OWN, PARENT, World, senders, worlds

modestly = examples(100)


def screened(world: World, sender: Sender) -> Screened:
    usable = world.facts.borrowed_from | {OWN}
    context = context_of(world.request, usable, world.rules, world.policy, world.now)
    return screen(grade_sender(context, sender))


def goodness(world: World, sender: Sender | None) -> tuple[Any, ...]:
    """The whole order of choice, best least: compliant dedicated senders, then all others by the ranking, then none."""
    if sender is None:
        return (2,)
    graded = screened(world, sender).graded
    return (0 if graded.grade is Grade.COMPLIANT and not sender.shared else 1, rank_key(graded))


@modestly
@given(worlds(), st.randoms(use_true_random=False))
def test_it_decides_alike_in_whatever_order_the_senders_come(world: World, random: Any) -> None:
    shuffled = list(world.facts.senders)
    random.shuffle(shuffled)
    assert world.decide() == world.holding(*shuffled).decide()


@modestly
@given(worlds(named=False), senders, st.integers(0, 6))
def test_it_is_not_moved_by_one_more_sender_that_does_not_fit(world: World, extra: Sender, at: int) -> None:
    assume(screened(world, extra).rejected is not None)
    held = world.facts.senders
    before, after = world.decide(), world.holding(*held[:at], extra, *held[at:]).decide()
    event(f"chosen: {before.sender is not None}")
    assert (after.sender, after.grade, after.reason) == (before.sender, before.grade, before.reason)


@modestly
@given(worlds(named=False), senders)
def test_it_never_chooses_worse_for_one_more_sender(world: World, extra: Sender) -> None:
    before = world.decide()
    after = world.holding(*world.facts.senders, extra).decide()
    event(f"moved: {before.sender != after.sender}")
    # The last step can only tell which of two goes first, so no `<=`.
    assert not goodness(world, before.sender) < goodness(world, after.sender)


@modestly
@given(worlds(named=False))
def test_it_chooses_the_best_of_all_that_fit(world: World) -> None:
    assume(world.rules.knows(world.request.country))
    fit = [sender for sender in world.facts.senders if screened(world, sender).rejected is None]
    best = min((goodness(world, sender) for sender in fit), default=(2,))
    assert goodness(world, world.decide().sender) == best


@modestly
@given(worlds())
def test_it_never_chooses_the_sender_of_another_account(world: World) -> None:
    chosen = world.decide().sender
    event(f"chosen: {chosen is not None}")
    usable = {None, OWN, PARENT} if world.facts.borrowed_from else {None, OWN}
    assert chosen is None or chosen.account_id in usable


@modestly
@given(worlds())
def test_it_never_chooses_what_a_filter_refuses(world: World) -> None:
    decision = world.decide()
    event(f"source: {decision.source}, park: {decision.park}")
    if decision.sender is not None:
        assert screened(world, decision.sender).rejected is None
        assert decision.sender in world.facts.senders


@modestly
@given(worlds())
def test_it_gives_every_candidate_a_rank_or_a_rejection(world: World) -> None:
    decision = world.decide()
    listed = [c for c in decision.candidates if c.sender_type is not None]
    assert all((c.rank is None) is (c.rejected is not None) and c.detail for c in decision.candidates)
    ranks = [c.rank for c in decision.candidates if c.rank is not None]
    assert ranks == list(range(1, len(ranks) + 1))
    assert [c.rank is None for c in decision.candidates] == sorted(c.rank is None for c in decision.candidates)
    held = [(s.sender_id, s.sender_type, s.country, s.account_id) for s in world.facts.senders]
    shown = [(c.sender_id, c.sender_type, c.sender_country, c.account_id) for c in listed]
    assert all(shown.count(each) >= held.count(each) for each in held)


@modestly
@given(worlds())
def test_it_answers_with_a_sender_or_a_reason_why_not(world: World) -> None:
    decision = world.decide()
    answered = decision.sender is not None
    for part in (decision.source, decision.grade, decision.reason):
        assert (part is not None) is answered
    assert (decision.park is None) is answered
    assert len(set(decision.warnings)) == len(decision.warnings)
    assert sentence(decision).endswith(".")
    assert json.loads(json.dumps(explanation(decision))) == explanation(decision)


@modestly
@given(worlds(), st.integers(0, 24 * 13))
def test_it_decides_alike_at_every_moment_until_the_decision_ends(world: World, hours: int) -> None:
    decision = world.decide()
    later = world.now + timedelta(hours=hours)
    assume(decision.valid_until is None or later < decision.valid_until)
    event(f"bounded: {decision.valid_until is not None}")
    assert world._replace(now=later).decide() == decision


@modestly
@given(worlds())
def test_it_ends_a_decision_after_now(world: World) -> None:
    until = world.decide().valid_until
    assert until is None or until > world.now


@modestly
@given(worlds(named=False))
def test_it_never_takes_another_owners_sender_where_its_own_is_equal(world: World) -> None:
    others = [replace(held, account_id=None) if held.account_id == OWN else held for held in world.facts.senders]
    world = world.holding(*others)
    chosen = world.decide().sender
    event(f"was of: {chosen and chosen.account_id}")
    if chosen is not None:
        undated = {"purchased_at": None, "activated_at": None, "expires_at": chosen.ends_at}
        mine = replace(chosen, account_id=OWN, trust=0, evidence=_as_well(chosen), **undated)
        assert world.holding(*others, mine).decide().sender == mine


@modestly
@given(worlds())
def test_it_takes_measured_trust_for_nothing_but_trust(world: World) -> None:
    """So it crosses no grade, and nothing but health goes before the steps that an inventory decides."""
    healthy = [
        replace(held, evidence=held.evidence and replace(held.evidence, unhealthy=False))
        for held in world.facts.senders
    ]
    plain = [replace(held, trust=held.trust_in_use, evidence=None) for held in healthy]
    measured, by_inventory = world.holding(*healthy).decide(), world.holding(*plain).decide()
    assert (measured.sender and measured.sender.sender_id) == (by_inventory.sender and by_inventory.sender.sender_id)
    assert (measured.grade, measured.warnings) == (by_inventory.grade, by_inventory.warnings)
    assert [c[:7] for c in measured.candidates] == [c[:7] for c in by_inventory.candidates]


def _as_well(sender: Sender) -> Evidence | None:
    """No better a measure, and as healthy: health goes before the owner."""
    return sender.evidence and replace(sender.evidence, trust=0)


TEXTS = st.text("+123aA", max_size=4)


@given(TEXTS, TEXTS)
def test_it_compares_sender_ids_by_their_bare_form(left: str, right: str) -> None:
    alike = left == right or (
        left.lstrip("+") == right.lstrip("+") and left.lstrip("+").isdigit() and "++" not in left + right
    )
    assert (bare_sender_id(left) == bare_sender_id(right)) is alike
