"""Resends on a running worker: the next sender, once, however often it is asked for, until none is left."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
import redis

from core.accounts.senders import Senders
from core.campaigns.progress import CampaignProgress, Progress
from core.parked.store import ParkedFilter
from core.sender import Sender, SenderType
from core.store import Store
from tests.support.accounts import AU, add_account, message
from tests.support.cli_runner import Cli
from tests.support.running_worker import Deployment, until
from tests.support.stock_clients import dispatched, notices, push, waiting

pytestmark = pytest.mark.timeout(120)
#: A change is effective on a running worker within this time.
EFFECTIVE_S = 1.0
NUMBERS = [f"+6149157010{n}" for n in range(3)]


@pytest.fixture
def account(store: Store) -> str:
    """An account with three numbers that only their trust tells apart."""
    name = add_account(store, f"resending-{uuid.uuid4().hex[:8]}", ())
    for place, sender_id in enumerate(NUMBERS):
        Senders(store).add(Sender(name, sender_id, SenderType.LONGCODE, "AU", trust=90 - place))
    return name


def resend(enriched: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"dispatch_id": enriched["dispatch_id"], "message": enriched} | fields


def again(deployment: Deployment, enriched: dict[str, Any], **fields: Any) -> dict[str, Any]:
    push(deployment, [resend(enriched, **fields)], "resend")
    return dispatched(deployment, 1)[0]


def test_each_failure_brings_the_next_sender_until_none_is_left(
    deployment: Deployment, store: Store, account: str
) -> None:
    push(deployment, [message(AU, account_id=account)])
    (first,) = dispatched(deployment, 1)
    assert [each["sender_id"] for each in first["assignment"]["alternates"]] == NUMBERS[1:]
    second = again(deployment, first, reason="spam filter")
    third = again(deployment, second)
    assert [each["sender_id"] for each in (first, second, third)] == NUMBERS
    assert len({each["dispatch_id"] for each in (first, second, third)}) == 3
    assert (third["assignment"]["source"], third["assignment"]["attempt"]) == ("resend", 3)
    push(deployment, [resend(third)], "resend")
    (notice,) = notices(deployment, 1)
    assert (notice["reason"], notice["message_id"]) == ("NO_COMPLIANT_SENDER", first["message_id"])
    assert f"1. {NUMBERS[0]} (spam filter), 2. {NUMBERS[1]}, 3. {NUMBERS[2]}" in notice["detail"]
    stored = store.decision(second["assignment"]["decision_id"])
    assert stored is not None
    assert stored["source"] == "resend"
    assert [each["rejected"] for each in stored["candidates"] if each["sender_id"] == NUMBERS[0]] == ["FAILED_BEFORE"]


def test_a_repeat_goes_out_once(deployment: Deployment, account: str) -> None:
    push(deployment, [message(AU, account_id=account)])
    (first,) = dispatched(deployment, 1)
    push(deployment, [resend(first)] * 3, "resend")
    (second,) = dispatched(deployment, 1)
    push(deployment, [resend(first), resend(second)], "resend")  # what comes last is worked on last
    (third,) = dispatched(deployment, 1)
    assert (second["sender_id"], third["sender_id"]) == (NUMBERS[1], NUMBERS[2])
    assert waiting(deployment, "dispatch") == 0


def test_what_is_parked_is_replayed_as_a_resend(deployment: Deployment, store: Store) -> None:
    account = add_account(store, f"resending-{uuid.uuid4().hex[:8]}", ())
    Senders(store).add(Sender(account, NUMBERS[0], SenderType.LONGCODE, "AU"))
    push(deployment, [message(AU, account_id=account)])
    (first,) = dispatched(deployment, 1)
    push(deployment, [resend(first)], "resend")
    parked_id = notices(deployment, 1)[0]["parked_id"]
    assert store.parked(ParkedFilter(account_id=account))[0].lane == deployment.queue("resend")
    Senders(store).add(Sender(account, NUMBERS[1], SenderType.LONGCODE, "AU"))
    time.sleep(EFFECTIVE_S)
    cli = Cli({name: text for name, text in deployment.environment.items() if name.startswith("SMART_ASSIGN_")})
    assert cli.done("parked", "replay", parked_id)["replayed"] == 1
    (second,) = dispatched(deployment, 1)
    assert (second["sender_id"], second["assignment"]["attempt"]) == (NUMBERS[1], 2)


def test_a_campaign_counts_its_resends_apart(deployment: Deployment, account: str) -> None:
    campaign = f"c-{uuid.uuid4().hex[:8]}"
    recipients = [{"to": f"+6149157015{n}"} for n in range(5)]
    batch = {"account_id": account, "campaign_id": campaign, "batch_id": "b1", "body": "hi", "recipients": recipients}
    push(deployment, [batch], "campaign_ingress")
    came = dispatched(deployment, 5)
    push(deployment, [*(resend(each) for each in came[:3]), resend(came[0]), resend(came[4], attempt=9)], "resend")
    assert {each["sender_id"] for each in dispatched(deployment, 3)} == {NUMBERS[1]}
    notices(deployment, 1)
    until(lambda: progress(deployment, account, campaign).resend_parked == 1, 20, "the count of what was parked")
    found = progress(deployment, account, campaign)
    assert (found.received, found.dispatched, found.duplicates, found.parked) == (5, 5, 0, {})
    assert (found.resent, found.resend_parked) == (3, 1)


def progress(deployment: Deployment, account: str, campaign: str) -> CampaignProgress:
    with redis.Redis.from_url(deployment.redis_url) as client:
        return Progress(client, "smart-assign").find(campaign, account)
