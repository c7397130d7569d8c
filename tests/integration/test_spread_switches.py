"""The switches of the spread in SQL, and what a worker and `explain` make of them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from core.accounts.accounts import Accounts
from core.accounts.senders import Senders
from core.accounts.spread_switches import SpreadSwitches, Switches
from core.defaults.default_senders import DefaultSenders
from core.defaults.strategies import Strategy
from core.engine.decision import Facts, Policy, Request
from core.errors import NotFoundError
from core.sender import Product, Registration, RegistrationStatus, Sender, SenderType
from core.store import Store
from tests.support.accounts import message, open_store, seed
from tests.support.cli_runner import Cli
from tests.support.running_worker import Deployment
from tests.support.stock_clients import dispatched, push

NUMBERS = [f"+6149157001{n}" for n in range(4)]


def add_equal_senders(store: Store, account_id: str) -> None:
    for sender_id in NUMBERS:
        Senders(store).add(Sender(account_id, sender_id, SenderType.LONGCODE, "AU"))


@pytest.fixture
def empty_store(database_url: str, redis_url: str) -> Iterator[Store]:
    seed(database_url, redis_url)
    with open_store(database_url, redis_url) as store:
        yield store


def facts(store: Store, account_id: str, subaccount_id: str | None = None) -> Facts:
    request = Request(account_id, subaccount_id, "AU")
    found = store.load_facts([request])[request]
    assert isinstance(found, Facts)
    return found


def test_it_is_off_until_it_is_switched_on_and_inherited_by_sub_accounts(empty_store: Store) -> None:
    store = empty_store
    Accounts(store).add("shop", parent="acme")
    switches = SpreadSwitches(store)
    assert (switches.get("acme"), facts(store, "acme").spread) == (Switches(None, ()), False)
    switches.set_account("acme", True)
    assert (facts(store, "acme").spread, facts(store, "acme", "shop").spread) == (True, True)
    switches.set_account("shop", False)
    assert (facts(store, "acme").spread, facts(store, "acme", "shop").spread) == (True, False)
    switches.set_account("shop", None)
    switches.set_account("acme", False)
    assert (facts(store, "acme", "shop").spread, switches.get("shop").account) == (False, None)


def test_it_keeps_the_switch_of_area_codes_as_that_of_the_spread(empty_store: Store) -> None:
    store = empty_store
    Accounts(store).add("shop", parent="acme")
    switches = SpreadSwitches(store)
    assert (switches.area_codes("acme"), facts(store, "acme").area_codes) == (None, False)
    switches.set_area_codes("acme", True)
    assert (facts(store, "acme").area_codes, facts(store, "acme", "shop").area_codes) == (True, True)
    assert facts(store, "acme").spread is False
    switches.set_area_codes("shop", False)
    assert facts(store, "acme", "shop").area_codes is False
    with pytest.raises(NotFoundError):
        switches.set_area_codes("nobody", True)


def test_it_spreads_one_default_and_keeps_that_when_its_senders_change(empty_store: Store) -> None:
    store = empty_store
    add_equal_senders(store, "acme")
    switches, defaults = SpreadSwitches(store), DefaultSenders(store, store.active_rules, Policy())
    with pytest.raises(NotFoundError, match="no default for AU"):
        switches.set_default("acme", "AU", Product.SMS, True)
    strategies = [Strategy(SenderType.LONGCODE, sender_id) for sender_id in NUMBERS]
    defaults.put("acme", "AU", Product.SMS, strategies[:2], "test")
    assert [default.spread for default in facts(store, "acme").defaults] == [False]
    switches.set_default("acme", "AU", Product.SMS, True)
    defaults.put("acme", "AU", Product.SMS, strategies, "test")
    assert [(default.spread, len(default.strategies)) for default in facts(store, "acme").defaults] == [(True, 4)]
    assert switches.get("acme") == Switches(None, (("AU", Product.SMS),))


def test_it_gives_each_recipient_the_sender_that_explain_names(deployment: Deployment, store: Store) -> None:
    account_id = f"spread-{deployment.stem}"
    Accounts(store).add(account_id)
    add_equal_senders(store, account_id)
    recipients = [f"+6149157{n:04d}" for n in range(40)]
    push(deployment, [message(to, account_id=account_id) for to in recipients])
    assert len({document["sender_id"] for document in dispatched(deployment, len(recipients))}) == 1
    cli = Cli(deployment.environment)
    assert cli.done("spread", "on", "--account", account_id) == {
        "account_id": account_id,
        "spread": True,
        "defaults": [],
    }
    # An epoch is trusted for a second.
    time.sleep(1.2)
    push(deployment, [message(to, account_id=account_id) for to in recipients * 2])
    came: dict[str, set[str]] = {}
    for document in dispatched(deployment, 2 * len(recipients)):
        came.setdefault(document["to"], set()).add(document["sender_id"])
    assert all(len(senders) == 1 for senders in came.values())
    assert set.union(*came.values()) == set(NUMBERS)
    for to in recipients[:3]:
        explained = cli.done("explain", "--account", account_id, "--to", to)
        assert {explained["sender"]["sender_id"]} == came[to]
        assert "spread over 4 equal senders" in explained["sentence"]


def test_it_gives_each_recipient_the_sender_of_its_area_code(deployment: Deployment, store: Store) -> None:
    account_id = f"near-{deployment.stem}"
    Accounts(store).add(account_id)
    senders = ("+12125550001", "+12135550002")
    approved = (Registration("US", RegistrationStatus.APPROVED),)
    for sender_id in senders:
        Senders(store).add(Sender(account_id, sender_id, SenderType.TEN_DLC, "US", registrations=approved))
    cli = Cli(deployment.environment)
    assert cli.done("area-codes", "on", "--account", account_id) == {"account_id": account_id, "area_codes": True}
    expected = {"+12125550100": senders[0], "+19175550100": senders[0], "+14155550100": senders[1]}
    push(deployment, [message(to, account_id=account_id) for to in expected])
    came = {document["to"]: document["sender_id"] for document in dispatched(deployment, len(expected))}
    assert came == expected
    for to, sender_id in expected.items():
        explained = cli.done("explain", "--account", account_id, "--to", to)
        assert explained["sender"]["sender_id"] == sender_id
    assert "it is of the recipient's California" in explained["sentence"]
