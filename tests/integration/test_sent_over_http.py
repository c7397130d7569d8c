"""What is sent over HTTP is dispatched like any other message, on either broker."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from api.settings import ApiSettings
from core.accounts.logins import ApiKeys
from core.store import Store
from tests.support.accounts import AU_NUMBER, NAME
from tests.support.running_worker import Deployment
from tests.support.served import running_server
from tests.support.stock_clients import dispatched

COUNT = 300


@pytest.fixture
def settings(deployment: Deployment) -> ApiSettings:
    queues = {"ingress_queue": deployment.queue("ingress")}
    return ApiSettings(
        broker_url=deployment.broker_url,
        redis_url=deployment.redis_url,
        database_url=deployment.database_url,
        **queues,
    )


@pytest.fixture
def client(settings: ApiSettings, store: Store) -> Iterator[httpx.Client]:
    key = ApiKeys(store).add("acme")
    with running_server(settings) as url, httpx.Client(base_url=url, auth=("acme", key), timeout=30) as client:
        yield client


def test_it_is_dispatched(deployment: Deployment, client: httpx.Client) -> None:
    messages = [{"to": "+61491570156", "body": "Hello"} for _ in range(COUNT)]
    sent = client.post("/v1/messages", json={"messages": messages}).json()["data"]["messages"]
    named = client.post(
        "/v3/sms/send", json={"messages": [messages[0] | {"to": "+447400123456", "from": NAME}]}
    ).json()["data"]["messages"]
    came = dispatched(deployment, COUNT + 1)
    assert {each["message_id"] for each in came} == {each["message_id"] for each in (*sent, *named)}
    senders = {each["message_id"]: each["sender_id"] for each in came}
    assert senders.pop(named[0]["message_id"]) == NAME
    assert set(senders.values()) == {AU_NUMBER}


def test_it_says_so_where_there_is_no_such_queue(
    deployment: Deployment, settings: ApiSettings, client: httpx.Client
) -> None:
    if deployment.on_redis:
        pytest.skip("on Redis a list is made by whoever writes to it")
    elsewhere = settings.model_copy(update={"ingress_queue": "nowhere"})
    with running_server(elsewhere) as url:
        answer = httpx.post(f"{url}/v1/messages", json={"to": "+61491570156", "body": "Hello"}, auth=client.auth)
    assert answer.status_code == 503
