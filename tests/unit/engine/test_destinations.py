"""Destinations: the nearest setting counts, before any sender is looked at."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given

from core.engine.decision import Facts, Policy, SenderRef, Warn
from core.engine.destinations import Destination, DestinationMode, DestinationSetting, nearest_destination
from core.engine.explanation import explanation, sentence
from core.errors import ParkReason
from tests.support.strategies import World, worlds
from tests.support.worlds import ask, chosen, number

ALLOW, BLOCK, MONITOR = DestinationMode.ALLOW, DestinationMode.BLOCK, DestinationMode.MONITOR
ORDER = [("shop", "AU"), ("shop", None), ("acme", "AU"), ("acme", None)]


def setting(account_id: str, country: str | None, mode: DestinationMode) -> DestinationSetting:
    return DestinationSetting(account_id, country, mode)


@pytest.mark.parametrize("given_at", list(product([False, True], repeat=len(ORDER))))
def test_the_nearest_setting_wins_and_else_the_deployments(given_at: tuple[bool, ...]) -> None:
    settings = [setting(*where, BLOCK) for where, is_given in zip(ORDER, given_at, strict=True) if is_given]
    first = next(iter(settings), None)
    found = nearest_destination("AU", settings, MONITOR)
    assert found == (Destination(BLOCK, first) if first else Destination(MONITOR))


def test_what_is_set_for_another_country_does_not_count() -> None:
    assert nearest_destination("AU", [setting("acme", "GB", BLOCK)], ALLOW) == Destination(ALLOW)


@pytest.mark.parametrize(
    "asked",
    [{}, {"explicit": SenderRef("Ghost")}, {"explicit": SenderRef("+61491570006")}, {"country": "ZZ"}],
    ids=["smart", "names a stranger's sender", "names its own sender", "a country without rules"],
)
def test_a_blocked_country_parks_before_any_sender_is_looked_at(asked: dict[str, object]) -> None:
    decision = ask([number()], destinations=(setting("acme", None, BLOCK),), **asked)
    assert (decision.park, decision.candidates) == (ParkReason.COUNTRY_NOT_ENABLED, ())
    assert "account acme has the rest of the world set to block" in sentence(decision)
    assert explanation(decision)["destination"] == {"mode": "block", "set_by": "acme", "set_for": "rest"}


def test_a_monitored_country_is_sent_to_with_a_warning() -> None:
    plain, watched = ask([number()]), ask([number()], destinations=(setting("acme", "AU", MONITOR),))
    assert chosen(plain) == chosen(watched) is not None
    assert (plain.warnings, watched.warnings) == ((), (Warn.COUNTRY_MONITORED,))
    assert "AU is monitored: account acme has AU set to monitor" in watched.detail
    assert plain.decision_id != watched.decision_id


def test_a_monitored_country_without_a_sender_is_parked_as_ever() -> None:
    decision = ask([], destinations=(setting("acme", "AU", MONITOR),))
    assert (decision.park, decision.warnings) == (ParkReason.NO_COMPLIANT_SENDER, ())


def test_the_deployment_may_block_what_no_account_allows() -> None:
    policy = Policy(default_destination=BLOCK)
    assert ask([number()], policy=policy).park is ParkReason.COUNTRY_NOT_ENABLED
    allowed = ask([number()], policy=policy, destinations=(setting("acme", "AU", ALLOW),))
    assert allowed.sender is not None


@given(worlds())
def test_allowing_what_is_allowed_anyway_changes_nothing(world: World) -> None:
    country = world.request.country
    allowed: Facts = replace(world.facts, destinations=(setting(world.request.account_id, country, ALLOW),))
    without = world.decide()
    assert replace(world._replace(facts=allowed).decide(), destination=without.destination) == without
