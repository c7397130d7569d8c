"""A change is effective on a running worker within a second, whoever made it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable

import pytest

from core.accounts.accounts import Accounts
from core.accounts.destinations import Destinations
from core.accounts.senders import Senders
from core.defaults.default_senders import DefaultSenders
from core.defaults.strategies import Strategy
from core.engine.country_rules import CountryRule, RuleStatus, SenderOrigin
from core.engine.decision import Policy
from core.engine.destinations import DestinationMode
from core.sender import Product, Registration, RegistrationStatus, Sender, SenderStatus, SenderType
from core.store import Store
from tests.support.accounts import AU, AU_NUMBER, FR, NAME, US, US_NUMBER, add_account, message
from tests.support.running_worker import Deployment
from tests.support.stock_clients import dispatched, notices, push, receive

EFFECTIVE_S = 1.0
NEWER = "+61491570110"


@pytest.fixture
def account(store: Store) -> str:
    return add_account(store, f"changing-{uuid.uuid4().hex[:8]}")


def sender_for(deployment: Deployment, account: str, to: str) -> str | None:
    push(deployment, [message(to, account_id=account)])
    return str(dispatched(deployment, 1)[0]["sender_id"])


def parked_for(deployment: Deployment, account: str, to: str) -> str:
    push(deployment, [message(to, account_id=account)])
    return str(notices(deployment, 1)[0]["reason"])


def effective(change: Callable[[], object], ask: Callable[[], object], expected: object) -> None:
    """Make the change, wait for as long as it may take, and ask once: no answer from before may come any more."""
    change()
    changed = time.monotonic()
    time.sleep(EFFECTIVE_S)
    assert ask() == expected, f"{time.monotonic() - changed:.2f} s after the change"


def test_it_sees_a_sender_suspended_and_back(deployment: Deployment, store: Store, account: str) -> None:
    senders = Senders(store)
    senders.add(Sender(account, NEWER, SenderType.LONGCODE, "AU", trust=10))
    assert sender_for(deployment, account, AU) == AU_NUMBER
    effective(
        lambda: senders.set_status(account, AU_NUMBER, SenderStatus.SUSPENDED),
        lambda: sender_for(deployment, account, AU),
        NEWER,
    )
    effective(
        lambda: senders.set_status(account, AU_NUMBER, SenderStatus.ACTIVE),
        lambda: sender_for(deployment, account, AU),
        AU_NUMBER,
    )


def test_it_sees_a_new_sender(deployment: Deployment, store: Store, account: str) -> None:
    assert sender_for(deployment, account, AU) == AU_NUMBER
    better = Sender(account, NEWER, SenderType.LONGCODE, "AU", trust=100)
    effective(lambda: Senders(store).add(better), lambda: sender_for(deployment, account, AU), NEWER)


def test_it_sees_a_registration_that_ended(deployment: Deployment, store: Store, account: str) -> None:
    assert sender_for(deployment, account, US) == US_NUMBER
    expired = Registration("US", RegistrationStatus.EXPIRED)
    effective(
        lambda: Senders(store).register(account, US_NUMBER, expired),
        lambda: parked_for(deployment, account, US),
        "NO_COMPLIANT_SENDER",
    )


def test_it_sees_a_rule_corrected_and_restored(deployment: Deployment, store: Store, account: str) -> None:
    assert sender_for(deployment, account, FR) == NAME
    blocked = CountryRule("FR", SenderType.ALPHA_TAG, SenderOrigin.ANY, RuleStatus.BLOCKED, override_reason="test")
    added: list[int] = []
    effective(
        lambda: added.append(store.add_override(blocked, "test").override_id),
        lambda: sender_for(deployment, account, FR) != NAME,
        True,
    )
    effective(lambda: store.remove_override(added[0]), lambda: sender_for(deployment, account, FR), NAME)


def test_it_sees_an_account_suspended_and_back(deployment: Deployment, store: Store, account: str) -> None:
    assert sender_for(deployment, account, AU) == AU_NUMBER
    effective(
        lambda: Accounts(store).suspend(account), lambda: parked_for(deployment, account, AU), "ACCOUNT_SUSPENDED"
    )
    effective(lambda: Accounts(store).resume(account), lambda: sender_for(deployment, account, AU), AU_NUMBER)


def test_it_sees_an_account_that_was_unknown(deployment: Deployment, store: Store) -> None:
    late = f"late-{uuid.uuid4().hex[:8]}"
    assert parked_for(deployment, late, AU) == "UNKNOWN_ACCOUNT"
    effective(lambda: add_account(store, late), lambda: sender_for(deployment, late, AU), AU_NUMBER)


def test_it_sees_a_default_set_and_unset(deployment: Deployment, store: Store, account: str) -> None:
    Senders(store).add(Sender(account, NEWER, SenderType.LONGCODE, "AU", trust=10))
    assert sender_for(deployment, account, AU) == AU_NUMBER
    defaults = DefaultSenders(store, store.active_rules, Policy())
    chosen = [Strategy(SenderType.LONGCODE, NEWER, "AU")]
    effective(
        lambda: defaults.put(account, "AU", Product.SMS, chosen, "test"),
        lambda: sender_for(deployment, account, AU),
        NEWER,
    )
    effective(
        lambda: defaults.unset(account, "AU", Product.SMS, "test"),
        lambda: sender_for(deployment, account, AU),
        AU_NUMBER,
    )


def test_it_sees_a_country_blocked_and_monitored(deployment: Deployment, store: Store, account: str) -> None:
    destinations = Destinations(store)
    assert sender_for(deployment, account, AU) == AU_NUMBER
    effective(
        lambda: destinations.change(account, ["AU"], DestinationMode.BLOCK, by="test"),
        lambda: parked_for(deployment, account, AU),
        "COUNTRY_NOT_ENABLED",
    )
    effective(
        lambda: destinations.change(account, ["AU"], DestinationMode.MONITOR, by="test"),
        lambda: sender_for(deployment, account, AU),
        AU_NUMBER,
    )
    told = json.loads(receive(deployment, 1, queue="events")[0].body)
    assert (told["event"], told["account_id"], told["country"]) == ("destination.monitored", account, "AU")
    assert (told["subaccount_id"], told["messages"]) == (None, 1)
