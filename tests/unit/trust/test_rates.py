"""The arithmetic of trust: what fades, what one account can do, and what keeps a choice from flapping."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.trust.rates import (
    MOST_OF_ONE_ACCOUNT,
    WINDOW,
    Added,
    Measure,
    Rates,
    State,
    TrustPolicy,
    measured,
    most_of_one,
    next_look_s,
    next_state,
)
from tests.support.effort import examples

POLICY = TrustPolicy()
HOUR = 3600.0
NOTHING = State(None, False)
modestly = examples(200)


def receipts(delivered: int = 0, failed: int = 0, spam: int = 0) -> Added:
    return Added(delivered, failed, 0.0, 0.0, spam, delivered + failed, delivered, 0.0)


def after(*added: Added, at: float = 0.0) -> Rates:
    rates = Rates(at)
    for each in added:
        rates = rates.plus(each)
    return rates


def own(rates: Rates, trust: int = 50) -> Measure:
    return measured(rates, [], trust, POLICY)


def test_a_receipt_counts_for_half_after_the_half_life() -> None:
    faded = after(receipts(delivered=800, failed=200)).at_time(72 * HOUR, POLICY)
    assert (faded.delivered, faded.failed) == (400, 100)
    assert own(faded).delivered == pytest.approx(80.0)
    assert own(faded).trust == pytest.approx(80.0)


def test_it_measures_no_trust_before_enough_samples() -> None:
    assert next_state(own(after(receipts(delivered=199))), NOTHING, POLICY) == NOTHING
    assert next_state(own(after(receipts(delivered=200))), NOTHING, POLICY) == State(100, False)


def test_it_falls_back_to_the_inventory_when_half_of_the_samples_have_faded() -> None:
    rates = after(receipts(failed=200))
    before = State(0, True)
    wait_s = next_look_s(own(rates), State(0, False), POLICY)
    assert wait_s == pytest.approx(72 * HOUR + 1)
    assert next_state(own(rates.at_time(71 * HOUR, POLICY)), replace_trust(before, 0), POLICY).trust == 0
    assert next_state(own(rates.at_time(wait_s or 0, POLICY)), replace_trust(before, 0), POLICY).trust is None


def replace_trust(state: State, trust: int) -> State:
    return state._replace(trust=trust, unhealthy=False)


def test_a_spam_report_counts_for_ten_failures() -> None:
    assert own(after(receipts(delivered=300, spam=10))).trust == pytest.approx(75.0)
    assert own(after(receipts(delivered=300, spam=10))).delivered == 100.0


def test_it_calls_a_sender_that_died_unhealthy_within_a_hundred_messages_however_well_it_delivered() -> None:
    rates = after(receipts(delivered=50_000))
    states = []
    for _ in range(100):
        rates = rates.plus(receipts(failed=1))
        states.append(next_state(own(rates), State(100, False), POLICY))
    out_after = [state.unhealthy for state in states].index(True) + 1
    assert out_after == 69
    assert states[-1].trust == 100


def test_it_calls_it_healthy_again_when_it_delivers_or_when_its_failures_have_faded() -> None:
    dead = after(receipts(delivered=5000), receipts(failed=300))
    unhealthy = State(95, True)
    assert next_state(own(dead.plus(receipts(delivered=60))), unhealthy, POLICY).unhealthy
    assert not next_state(own(dead.plus(receipts(delivered=120))), unhealthy, POLICY).unhealthy
    wait_s = next_look_s(own(dead), unhealthy, POLICY) or 0
    assert wait_s == pytest.approx(12 * HOUR, rel=0.1)
    assert next_state(own(dead.at_time(wait_s - 60, POLICY)), unhealthy, POLICY).unhealthy
    assert not next_state(own(dead.at_time(wait_s, POLICY)), unhealthy, POLICY).unhealthy


def test_it_calls_nothing_unhealthy_where_the_floor_is_off() -> None:
    policy = replace(POLICY, health_floor=0.0)
    assert next_state(own(after(receipts(failed=500))), NOTHING, policy) == State(0, False)


def test_a_measure_near_the_edge_of_a_step_does_not_flap() -> None:
    drawn, trust, moves = random.Random(1), None, 0  # no secret
    rates = Rates(0.0)
    for at in range(4000):
        share = 0.925 + drawn.uniform(-0.02, 0.02)
        delivered = sum(drawn.random() < share for _ in range(20))
        rates = rates.at_time(at * HOUR / 20, POLICY).plus(receipts(delivered, 20 - delivered))
        state = next_state(own(rates), State(trust, False), POLICY)
        moves, trust = moves + (state.trust != trust), state.trust
    assert moves <= 3


@modestly
@given(
    st.lists(st.floats(0, 1e7), max_size=8),
    st.floats(0.1, 1e7),
)
def test_no_account_weighs_more_than_a_quarter(weights: list[float], rest: float) -> None:
    most = most_of_one(weights, rest)
    kept = [min(weight, most) for weight in weights]
    assert all(weight <= MOST_OF_ONE_ACCOUNT * (sum(kept) + rest) * 1.000001 for weight in kept)


_counts = st.integers(0, 100_000)
_rates = st.builds(lambda good, bad, spam: after(receipts(good, bad, spam)), _counts, _counts, st.integers(0, 1000))


@modestly
@given(_rates, st.lists(_rates, max_size=4), st.integers(0, 100), st.integers(1, 10**7), st.booleans())
def test_one_account_that_lies_moves_a_senders_trust_by_a_quarter_at_most(
    platform: Rates, others: list[Rates], inventory: int, flood: int, spam: bool
) -> None:
    """Between all that it can say: as many receipts as it likes, all good or all bad."""
    bad = after(receipts(spam=flood) if spam else receipts(failed=flood))
    good = after(receipts(delivered=flood * 10 if spam else flood))
    worst = measured(platform, [*others, bad], inventory, POLICY)
    best = measured(platform, [*others, good], inventory, POLICY)
    assert best.trust - worst.trust <= 100 * MOST_OF_ONE_ACCOUNT + 1e-6


@pytest.mark.parametrize("platform", [0, 500], ids=["nobody else speaks", "the platform speaks"])
def test_one_account_alone_makes_no_sender_unhealthy(platform: int) -> None:
    flood = [after(receipts(failed=10**6))]
    measure = measured(after(receipts(delivered=platform)), flood, 50, POLICY)
    assert measure.recent_delivered >= 75
    assert not next_state(measure, NOTHING, POLICY).unhealthy


def test_three_accounts_that_agree_do() -> None:
    failing = [after(receipts(failed=200))] * 3
    assert next_state(measured(Rates(0.0), failing, 50, POLICY), NOTHING, POLICY).unhealthy


def test_the_recent_ones_are_never_more_than_a_window() -> None:
    rates = after(receipts(delivered=10**6), receipts(failed=10**6))
    assert rates.recent == pytest.approx(WINDOW)
    assert 0 <= rates.recent_good <= rates.recent
