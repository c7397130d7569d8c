"""Alternates: who would come next is who a resend chooses; and senders that failed are chosen no more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from core.engine.country_rules import Grade, RuleStatus
from core.engine.decision import (
    Alternate,
    Chosen,
    Decision,
    Facts,
    InvalidOverride,
    Policy,
    Rejection,
    SenderRef,
    Source,
)
from core.engine.explanation import explanation, for_recipient
from core.engine.failed_senders import identity
from core.errors import ParkReason
from core.sender import Sender, SenderType
from tests.support.strategies import World, worlds
from tests.support.worlds import ask, book, chosen, default, fate, name, number, pool, rule

ONE, TWO, THREE, FOUR = (number(f"+6140000000{n}", trust=90 - n) for n in range(1, 5))


def following(decision: Decision) -> list[str | None]:
    return [each.sender.sender_id for each in decision.alternates]


def ref(sender: Sender) -> SenderRef:
    return SenderRef(sender.sender_id, sender.sender_type)


def test_they_are_the_next_ones_in_order_as_many_as_the_policy_says() -> None:
    senders = [THREE, ONE, FOUR, TWO]
    assert following(ask(senders)) == [TWO.sender_id, THREE.sender_id]
    assert following(ask(senders, policy=Policy(alternates=3)))[2:] == [FOUR.sender_id]
    assert following(ask(senders, policy=Policy(alternates=0))) == following(ask([ONE])) == []


def test_after_a_named_sender_the_next_steps_follow() -> None:
    strategies = default(ref(FOUR), ref(THREE))
    assert following(ask([ONE, TWO, THREE, FOUR], defaults=(strategies,))) == [THREE.sender_id, ONE.sender_id]
    assert following(ask([ONE, TWO, THREE], explicit=ref(TWO))) == [ONE.sender_id, THREE.sender_id]


def test_where_named_senders_must_be_used_nobody_follows() -> None:
    strict = Policy(invalid_override=InvalidOverride.PARK)
    assert following(ask([ONE, TWO], explicit=ref(TWO), policy=strict)) == []


def test_a_shared_number_follows_where_no_dedicated_one_is_left() -> None:
    assert following(ask([ONE, pool()])) == [pool().sender_id]


def test_an_altered_one_follows_with_its_grade() -> None:
    rules = book(rule(SenderType.LONGCODE), rule(SenderType.ALPHA_TAG, RuleStatus.ALTERED))
    decision = ask([ONE, name()], rules)
    assert decision.alternates == (Alternate(name(), Grade.ALTERED),)
    shown = explanation(decision)["alternates"]
    assert shown == [
        {
            "sender_id": name().sender_id,
            "sender_type": "alpha_tag",
            "sender_country_code": name().country,
            "grade": "altered",
        }
    ]


def test_a_resend_rejects_what_failed_however_it_is_spelled_and_whoever_holds_it() -> None:
    parents = replace(ONE, account_id="above")
    decision = ask(
        [ONE, parents, TWO],
        failed=(SenderRef("61400000001"),),
        borrowed_from=frozenset({"above"}),
    )
    assert (chosen(decision), decision.source, decision.warnings) == (TWO.sender_id, Source.RESEND, ())
    assert [each.rejected for each in decision.candidates if each.sender_id == ONE.sender_id] == [
        Rejection.FAILED_BEFORE,
        Rejection.FAILED_BEFORE,
    ]


def test_a_failed_type_fails_no_other() -> None:
    decision = ask([ONE, TWO], failed=(SenderRef(ONE.sender_id, SenderType.TOLLFREE),))
    assert chosen(decision) == ONE.sender_id


def test_a_default_that_failed_is_passed_over_without_a_warning_and_its_next_strategy_decides() -> None:
    asked = {"defaults": (default(ref(FOUR), ref(THREE)),)}
    decision = ask([ONE, TWO, THREE, FOUR], failed=(ref(FOUR),), **asked)
    assert (chosen(decision), decision.source, decision.warnings) == (THREE.sender_id, Source.RESEND, ())
    assert "failed at the carrier before" in decision.detail


def test_a_named_sender_that_failed_is_told_of_as_asked_for() -> None:
    decision = ask([ONE, TWO], explicit=ref(TWO), failed=(ref(TWO),))
    assert (chosen(decision), decision.reverted, decision.asked) == (ONE.sender_id, True, ref(TWO))
    kept = ask([ONE, TWO], explicit=ref(TWO), failed=(ref(ONE),))
    assert (chosen(kept), kept.reverted) == (TWO.sender_id, False)


@pytest.mark.parametrize("asked", [{}, {"reply_expected": True}, {"explicit": ref(ONE)}])
def test_with_none_left_it_is_parked_as_no_compliant_sender(asked: dict[str, object]) -> None:
    decision = ask([ONE, name()], book(rule(SenderType.LONGCODE)), failed=(ref(ONE),), **asked)
    assert decision.park is ParkReason.NO_COMPLIANT_SENDER
    assert fate(decision, ONE.sender_id).rejected is Rejection.FAILED_BEFORE
    strict = Policy(invalid_override=InvalidOverride.PARK)
    assert ask([ONE, TWO], policy=strict, explicit=ref(ONE), failed=(ref(ONE),)).park is ParkReason.NO_COMPLIANT_SENDER


def test_a_spread_shows_each_recipient_those_that_follow_its_own() -> None:
    equals = [number(f"+6140000000{n}") for n in range(1, 5)]
    decision = ask([*equals], policy=Policy(alternates=2), spread=True)
    for last in range(20):
        seen = for_recipient(decision, f"+6149157010{last:02}")
        assert seen.sender is not None
        assert len(following(seen)) == 2
        assert chosen(seen) not in following(seen)


@given(worlds())
def test_the_first_of_them_is_the_one_that_a_resend_chooses(world: World) -> None:
    alone: Facts = replace(
        world.facts, spread=False, defaults=tuple(replace(d, spread=False) for d in world.facts.defaults)
    )
    world = world._replace(facts=alone)
    first = current = world.decide()
    failed: tuple[SenderRef, ...] = ()
    for expected in first.alternates:
        assert current.sender is not None
        failed = (*failed, ref(current.sender))
        current = world._replace(request=world.request._replace(failed=failed)).decide()
        assert current.sender is not None
        assert identity(current.sender) == identity(expected.sender)


@given(worlds())
def test_to_name_them_changes_nothing_else(world: World) -> None:
    with_them = world.decide()
    without = world._replace(policy=replace(world.policy, alternates=0)).decide()
    outcome = with_them.outcome
    bare = replace(outcome, alternates=()) if isinstance(outcome, Chosen) else outcome
    assert replace(with_them, outcome=bare) == without
