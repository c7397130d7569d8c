"""What the API changes, workers that run already act upon; what workers do, the API tells."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import httpx
import pytest

from api.settings import ApiSettings
from core.accounts.logins import ApiKeys
from core.accounts.senders import Senders
from core.sender import Sender, SenderStatus, SenderType
from core.store import Store
from tests.support.accounts import AU, AU_NUMBER, NAME, SENDERS, add_account, message
from tests.support.running_worker import PATIENCE_S, Deployment, until
from tests.support.served import DEFAULTS, NAME_STRATEGY, body_of, running_server
from tests.support.stock_clients import dispatched, notices, push

#: A change is effective everywhere within one second.
EFFECTIVE_S = 1.0
DE = "+4915112345678"


@pytest.fixture
def account(store: Store) -> str:
    """An account of this test with acme's senders."""
    return add_account(store, f"a{uuid.uuid4().hex[:10]}", SENDERS)


@pytest.fixture
def client(deployment: Deployment, store: Store, account: str) -> Iterator[httpx.Client]:
    """The API beside the worker, asked by `account`."""
    settings = ApiSettings(
        broker_url=deployment.broker_url,
        redis_url=deployment.redis_url,
        database_url=deployment.database_url,
        ingress_queue=deployment.queue("ingress"),
        campaign_ingress_queue=deployment.queue("campaign_ingress"),
    )
    with running_server(settings) as url:
        key = ApiKeys(store).add(account)
        with httpx.Client(base_url=url, auth=(account, key), timeout=30) as made:
            yield made


def sent_by(deployment: Deployment, account: str) -> tuple[str, str]:
    """Sender and source of a new message of the account to Germany."""
    push(deployment, [message(DE, account_id=account)])
    (arrived,) = dispatched(deployment, 1)
    return arrived["sender_id"], arrived["assignment"]["source"]


def test_it_sends_by_a_new_default_within_a_second_and_by_the_smart_choice_after_it(
    deployment: Deployment, account: str, client: httpx.Client
) -> None:
    smart, source = sent_by(deployment, account)
    assert source == "smart"
    other = {"sender_type": "longcode", "sender_id": AU_NUMBER, "sender_country_code": "AU"}
    chosen = NAME_STRATEGY if smart != NAME else other

    created = client.post(DEFAULTS, json=body_of("DE", chosen)).json()["data"]
    time.sleep(EFFECTIVE_S)
    assert sent_by(deployment, account) == (chosen["sender_id"], "default")

    assert client.delete(f"{DEFAULTS}/{created['id']}").status_code == 204
    time.sleep(EFFECTIVE_S)
    assert sent_by(deployment, account) == (smart, "smart")


def test_it_passes_over_a_disabled_strategy(deployment: Deployment, account: str, client: httpx.Client) -> None:
    first = {"sender_type": "longcode", "sender_id": AU_NUMBER, "sender_country_code": "AU"}
    for status, expected in (("ENABLED", AU_NUMBER), ("DISABLED", NAME)):
        body = body_of("DE", first | {"status": status}, NAME_STRATEGY)
        known = client.get(DEFAULTS).json()["data"]["data"]
        if known:
            assert client.patch(f"{DEFAULTS}/{known[0]['id']}", json=body).status_code == 200
        else:
            assert client.post(DEFAULTS, json=body).status_code == 200
        time.sleep(EFFECTIVE_S)
        assert sent_by(deployment, account) == (expected, "default")


def test_it_explains_what_the_worker_decided(deployment: Deployment, account: str, client: httpx.Client) -> None:
    push(deployment, [message(DE, account_id=account)])
    (arrived,) = dispatched(deployment, 1)
    decision_id = arrived["assignment"]["decision_id"]
    stored = client.get(f"/v1/decisions/{decision_id}").json()["data"]
    assert stored["sender"]["sender_id"] == arrived["sender_id"]
    assert client.post("/v1/explain", json={"to": DE}).json()["data"]["decision_id"] == decision_id


def test_it_replays_what_was_parked(deployment: Deployment, store: Store, account: str, client: httpx.Client) -> None:
    for sender in Senders(store).page(account).senders:
        store_status(store, account, sender)
    time.sleep(EFFECTIVE_S)
    push(deployment, [message(AU, account_id=account)])
    (notice,) = notices(deployment, 1)
    parked_id = notice["parked_id"]
    until(lambda: client.get(f"/v1/parked/{parked_id}").status_code == 200, PATIENCE_S, "the parked message")
    assert [each["parked_id"] for each in client.get("/v1/parked").json()["data"]["data"]] == [parked_id]

    Senders(store).add(Sender(account, "+61491570999", SenderType.LONGCODE, "AU"))
    time.sleep(EFFECTIVE_S)
    for expected in (1, 0):
        answer = client.post("/v1/parked/replay", json={"parked_ids": [parked_id, parked_id]})
        assert answer.json()["data"] == {"replayed": expected}
    (arrived,) = dispatched(deployment, 1)
    assert arrived["sender_id"] == "+61491570999"
    assert client.delete(f"/v1/parked/{parked_id}").status_code == 404


def store_status(store: Store, account: str, sender: Sender) -> None:
    Senders(store).set_status(account, sender.sender_id, SenderStatus.SUSPENDED, sender.sender_type)


def test_it_tells_how_far_a_campaign_is(deployment: Deployment, account: str, client: httpx.Client) -> None:
    campaign = {
        "account_id": account,
        "campaign_id": f"c-{account}",
        "batch_id": "1",
        "body": "Sale",
        "total_batches": 1,
        "recipients": [{"to": AU}, {"to": DE}, {"to": "+0"}],
    }
    assert client.get(f"/v1/campaigns/c-{account}").status_code == 404
    push(deployment, [campaign], "campaign_ingress")
    dispatched(deployment, 2)
    notices(deployment, 1)
    until(lambda: client.get(f"/v1/campaigns/c-{account}").status_code == 200, PATIENCE_S, "the campaign's progress")
    assert client.get(f"/v1/campaigns/c-{account}").json()["data"] == {
        "campaign_id": f"c-{account}",
        "received": 3,
        "dispatched": 2,
        "parked": {"INVALID_RECIPIENT": 1},
        "duplicates": 0,
        "batches": 1,
        "total_batches": 1,
        "complete": True,
    }
