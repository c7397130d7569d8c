"""The settings that say what may be used take effect, and the message says what became of its wish."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.engine.country_rules import CountryRule, RuleStatus, SenderOrigin
from core.sender import Sender, SenderType
from core.store import Store
from tests.integration.conftest import MakeDeployment
from tests.support.accounts import AU, AU_NUMBER, GB, add_account, message, open_store
from tests.support.running_worker import Deployment, running
from tests.support.stock_clients import dispatched, notices, push

pytestmark = [pytest.mark.redis]

#: A name in a country that replaces names; a number in a country of which the rules say nothing.
ALTERED_TO, UNKNOWN_TO = GB, AU
ALTERED, SILENT = "only-altered", "only-unknown"


def prepare(deployment: Deployment) -> Deployment:
    with open_store(deployment.database_url, deployment.redis_url) as store:
        add_account(store, ALTERED, (Sender(ALTERED, "NAMED", SenderType.ALPHA_TAG),))
        _rule(store, "GB", SenderType.ALPHA_TAG, RuleStatus.ALTERED)
        add_account(store, SILENT, (Sender(SILENT, "+61491570099", SenderType.TOLLFREE, "AU"),))
        _rule(store, "AU", SenderType.TOLLFREE, RuleStatus.UNKNOWN)
    return deployment


def _rule(store: Store, country: str, sender_type: SenderType, status: RuleStatus) -> None:
    store.add_override(CountryRule(country, sender_type, SenderOrigin.ANY, status, override_reason="a test"), "test")


@pytest.fixture(scope="module")
def lenient(make_deployment: MakeDeployment) -> Iterator[Deployment]:
    """The defaults: revert, allow, local."""
    with running(prepare(make_deployment("redis-sqlite"))) as worker:
        yield worker.deployment


@pytest.fixture(scope="module")
def strict(make_deployment: MakeDeployment) -> Iterator[Deployment]:
    settings = {"invalid_override": "park", "altered_senders": "forbid", "unknown_rule": "forbid"}
    with running(prepare(make_deployment("redis-sqlite", **settings))) as worker:
        yield worker.deployment


WISHES: dict[str, tuple[dict[str, Any], str, str]] = {
    "a sender of nobody": (
        {"sender_id": "+61491570999"},
        "OVERRIDE_NOT_OWNED_REVERTED",
        "SENDER_NOT_OWNED",
    ),
    "a name that is not registered": (
        {"sender_id": "+447400000001"},
        "OVERRIDE_NOT_COMPLIANT_REVERTED",
        "SENDER_NOT_COMPLIANT",
    ),
}


@pytest.mark.parametrize(("wish", "warning", "reason"), WISHES.values(), ids=WISHES.keys())
def test_it_reverts_a_wish_that_cannot_be_granted(
    lenient: Deployment, wish: dict[str, Any], warning: str, reason: str
) -> None:
    push(lenient, [message(AU, **wish)])
    (document,) = dispatched(lenient, 1)
    assert document["sender_id"] == AU_NUMBER
    assert document["assignment"]["source"] == "smart"
    assert warning in document["assignment"]["warnings"]
    assert document["assignment"]["requested_sender_id"] == wish["sender_id"]


@pytest.mark.parametrize(("wish", "warning", "reason"), WISHES.values(), ids=WISHES.keys())
def test_it_parks_a_wish_that_cannot_be_granted(
    strict: Deployment, wish: dict[str, Any], warning: str, reason: str
) -> None:
    push(strict, [message(AU, **wish)])
    assert [notice["reason"] for notice in notices(strict, 1)] == [reason]


def test_it_grants_a_wish(strict: Deployment) -> None:
    push(strict, [message(AU, sender_id=AU_NUMBER)])
    assert dispatched(strict, 1)[0]["assignment"]["source"] == "explicit"


def test_it_uses_an_altered_sender_with_a_warning(lenient: Deployment) -> None:
    push(lenient, [message(ALTERED_TO, account_id=ALTERED)])
    assignment = dispatched(lenient, 1)[0]["assignment"]
    assert (assignment["grade"], "SENDER_ALTERED" in assignment["warnings"]) == ("altered", True)


def test_it_uses_a_local_number_where_nothing_is_known_with_a_warning(lenient: Deployment) -> None:
    push(lenient, [message(UNKNOWN_TO, account_id=SILENT)])
    assert "RULE_UNKNOWN" in dispatched(lenient, 1)[0]["assignment"]["warnings"]


@pytest.mark.parametrize(("to", "account"), [(ALTERED_TO, ALTERED), (UNKNOWN_TO, SILENT)], ids=["altered", "unknown"])
def test_it_uses_neither_where_both_are_forbidden(strict: Deployment, to: str, account: str) -> None:
    push(strict, [message(to, account_id=account)])
    assert [notice["reason"] for notice in notices(strict, 1)] == ["NO_COMPLIANT_SENDER"]
