"""The task `defaults.check` on running workers: an event on the events queue for each default newly at risk."""

from __future__ import annotations

import json
import uuid

from core.accounts.senders import Senders
from core.defaults.default_senders import DefaultSenders
from core.defaults.strategies import Strategy
from core.engine.decision import Policy
from core.sender import Product, SenderStatus, SenderType
from core.store import Store
from tests.support.accounts import AU_NUMBER, add_account
from tests.support.running_worker import Deployment
from tests.support.stock_clients import receive, send_with_celery


def break_default(store: Store) -> str:
    """A new account whose default is a number that was suspended afterwards."""
    account = add_account(store, f"risky-{uuid.uuid4().hex[:8]}")
    defaults = DefaultSenders(store, store.active_rules, Policy())
    defaults.put(account, "AU", Product.SMS, [Strategy(SenderType.LONGCODE, AU_NUMBER)], "ops")
    Senders(store).set_status(account, AU_NUMBER, SenderStatus.SUSPENDED)
    return account


def check(deployment: Deployment) -> None:
    """What the scheduler sends."""
    send_with_celery(deployment, [{"task": "defaults.check"}], queue=deployment.queue("work"))


def told(deployment: Deployment, count: int) -> list[dict[str, object]]:
    return [json.loads(message.body) for message in receive(deployment, count, queue="events")]


def test_it_tells_of_a_default_at_risk_once(deployment: Deployment, store: Store) -> None:
    first = break_default(store)
    check(deployment)
    (event,) = told(deployment, 1)
    assert (event["schema"], event["event"], event["account_id"]) == (1, "default.at_risk", first)
    assert (event["country"], event["product"], event["sender_id"]) == ("AU", "SMS", AU_NUMBER)
    assert (event["reason"], event["usable_now"]) == ("NOT_ACTIVE", False)
    second = break_default(store)
    check(deployment)
    assert [event["account_id"] for event in told(deployment, 1)] == [second]
