"""Receipts, by a worker on each broker: what fails is demoted, comes back, and nobody else's word counts for it."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from core.accounts.senders import Senders
from core.sender import Sender, SenderStatus, SenderType
from core.store import Store
from core.trust.book import TrustBook
from core.trust.keys import SenderKey
from core.trust.publishing import shown_sender_id
from tests.support.accounts import AU, add_account, message
from tests.support.receipts import receipts
from tests.support.running_worker import Deployment, until
from tests.support.stock_clients import dispatched, notices, push, receive

FIRST, SECOND = "+61491570701", "+61491570702"
WAIT_S = 30.0


@pytest.fixture
def account(store: Store) -> str:
    """An account with two numbers of Australia, the first of which is trusted more."""
    account_id = f"f{uuid.uuid4().hex[:8]}"
    held = [
        Sender(account_id, number, SenderType.LONGCODE, "AU", trust=trust)
        for number, trust in ((FIRST, 60), (SECOND, 55))
    ]
    return add_account(store, account_id, tuple(held))


def sender_of(deployment: Deployment, account_id: str) -> dict[str, Any]:
    push(deployment, [message(AU, account_id=account_id)])
    return dispatched(deployment, 1)[0]


def event_of(deployment: Deployment, account_id: str) -> dict[str, Any]:
    """The next event that is about an account; the test that reads none of its own leaves it to the next one."""
    while True:
        (message,) = receive(deployment, 1, queue="events", timeout=WAIT_S)
        event: dict[str, Any] = json.loads(message.body)
        if event["account_id"] == account_id:
            return event


def leaves_from(deployment: Deployment, account_id: str, sender_id: str) -> None:
    until(lambda: sender_of(deployment, account_id)["sender_id"] == sender_id, WAIT_S, f"a message from {sender_id}")


def test_it_demotes_a_sender_whose_messages_fail_and_takes_it_back_when_they_arrive(
    deployment: Deployment, account: str
) -> None:
    assert sender_of(deployment, account)["sender_id"] == FIRST
    push(deployment, [receipts(account, FIRST, 300)], "feedback")
    leaves_from(deployment, account, SECOND)
    told = event_of(deployment, account)
    assert (told["event"], told["sender_id"], told["country"]) == ("sender.unhealthy", FIRST, "AU")
    push(deployment, [receipts(account, FIRST, 1500, "delivered")], "feedback")
    leaves_from(deployment, account, FIRST)
    assert event_of(deployment, account)["event"] == "sender.recovered"


def test_it_says_that_the_only_sender_fails(deployment: Deployment, store: Store) -> None:
    alone = add_account(store, f"f{uuid.uuid4().hex[:8]}", (Sender("", FIRST, SenderType.LONGCODE, "AU"),))
    push(deployment, [receipts(alone, FIRST, 100)], "feedback")
    until(lambda: "SENDER_UNHEALTHY" in sender_of(deployment, alone)["assignment"]["warnings"], WAIT_S, "a warning")
    assert event_of(deployment, alone)["event"] == "sender.unhealthy"


def test_a_frozen_sender_stays_as_it_is(deployment: Deployment, account: str) -> None:
    with redis.Redis.from_url(deployment.redis_url) as client:
        book = TrustBook(client, "smart-assign", lambda: client)
        key = SenderKey(account, "AU", SenderType.LONGCODE, FIRST.removeprefix("+"))
        book.freeze(key, "a test", datetime.now(UTC))
        push(deployment, [receipts(account, FIRST, 300) + receipts(account, SECOND, 300, "delivered")], "feedback")
        # They were counted: the other is measured by the same document.
        until(lambda: any(each.evidence for each in book.listed(account)), WAIT_S, "something published")
        assert FIRST not in trusts(book, account)
        assert not any(each.evidence and each.evidence.unhealthy for each in book.listed(account))
        book.unfreeze(key)
        until(lambda: trusts(book, account).get(FIRST) == 0, WAIT_S, "it to be measured again")
    assert event_of(deployment, account)["event"] == "sender.unhealthy"


def trusts(book: TrustBook, account_id: str) -> dict[str | None, int | None]:
    return {shown_sender_id(each.key): each.evidence.trust for each in book.listed(account_id) if each.evidence}


def test_false_receipts_of_one_account_move_nobody_elses_sender(
    deployment: Deployment, account: str, store: Store
) -> None:
    """Not another account's at all, and a sender of the platform pool by a quarter at most."""
    liar = add_account(store, f"f{uuid.uuid4().hex[:8]}", ())
    pool = f"+6149157{uuid.uuid4().int % 10_000:04d}"
    Senders(store).add(Sender(None, pool, SenderType.LONGCODE, "AU", trust=80))
    flood = receipts(liar, FIRST, 5000) + receipts(liar, pool, 5000)
    with redis.Redis.from_url(deployment.redis_url) as client:
        book = TrustBook(client, "smart-assign")
        push(deployment, [flood] * 4, "feedback")
        until(lambda: pool in trusts(book, None), WAIT_S, "the pool's sender to be measured")
        assert book.listed(account) == book.listed(liar) == []
        (standing,) = [each for each in book.listed(None) if shown_sender_id(each.key) == pool]
    evidence = standing.evidence
    assert evidence is not None
    assert evidence.trust is not None
    assert evidence.trust >= 55
    assert not evidence.unhealthy
    Senders(store).set_status(None, pool, SenderStatus.RELEASED)


def test_it_parks_what_is_no_receipt_and_counts_its_neighbours(deployment: Deployment, account: str) -> None:
    broken = receipts(account, FIRST, 1, "lost")
    push(deployment, [receipts(account, FIRST, 250) + broken, b"{", {"outcome": "delivered"}], "feedback")
    found = notices(deployment, 3)
    fields = sorted(sorted(field["field"] for field in notice["fields"]) for notice in found)
    assert fields == [["$"], ["at", "country", "sender_type"], ["outcome"]]
    assert {notice["reason"] for notice in found} == {"INVALID_MESSAGE"}
    leaves_from(deployment, account, SECOND)
    assert event_of(deployment, account)["sender_id"] == FIRST
