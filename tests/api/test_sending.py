"""Messages sent over HTTP stand on the ingress as a producer's own would, or are refused field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis
from clicksend import ApiClient, Configuration, SendSmsRequest, SmsApi

from api.settings import ApiSettings
from core.contract.decode import decode_message
from tests.api.test_default_senders import blamed
from tests.api.test_v1 import data
from tests.support.served import Login, ServedApi, running_server

MESSAGES = "/v1/messages"
SMS = "/v3/sms/send"
TEXT = {"to": "+61 491 570 156", "body": "Hello"}


@pytest.fixture
def queued(api: ServedApi) -> Iterator[Any]:
    """Takes the documents that were enqueued, the first first."""
    with redis.Redis.from_url(api.settings.broker_url) as client:
        client.delete(api.settings.ingress_queue)

        def take() -> list[dict[str, Any]]:
            found = client.lrange(api.settings.ingress_queue, 0, -1)
            client.delete(api.settings.ingress_queue)
            assert isinstance(found, list)
            return [decoded(each) for each in reversed(found)]

        yield take


def decoded(document: bytes) -> dict[str, Any]:
    decode_message(document)
    return dict(json.loads(document))


def test_it_enqueues_one_message(client: httpx.Client, acme: Login, queued: Any) -> None:
    whole = TEXT | {"message_id": "m-1", "from": "ACME", "traffic_class": "otp", "extra": {"trace": 7}}
    found = data(client.post(MESSAGES, json=whole))
    told = {"message_id": "m-1", "to": "+61491570156", "country": "AU"}
    assert found == {"enqueued": 1, "messages": [told]}
    assert queued() == [
        {
            "account_id": acme.account_id,
            "message_id": "m-1",
            "to": TEXT["to"],
            "body": "Hello",
            "sender_id": "ACME",
            "traffic_class": "otp",
            "trace": 7,
        }
    ]


def test_it_enqueues_many_in_their_order(client: httpx.Client, queued: Any) -> None:
    found = data(client.post(MESSAGES, json={"messages": [TEXT | {"body": str(n)} for n in range(1000)]}))
    sent = queued()
    assert [each["body"] for each in sent] == [str(n) for n in range(1000)]
    assert [each["message_id"] for each in sent] == [each["message_id"] for each in found["messages"]]
    assert len({each["message_id"] for each in sent}) == 1000


def test_a_repeated_request_has_the_same_ids(client: httpx.Client, api: ServedApi, queued: Any) -> None:
    asked = {"json": {"messages": [TEXT, TEXT]}, "headers": {"Idempotency-Key": "order-7"}}
    for path in (MESSAGES, SMS):
        first, again = data(client.post(path, **asked)), data(client.post(path, **asked))
        assert [each["message_id"] for each in first["messages"]] == [each["message_id"] for each in again["messages"]]
    assert len({each["message_id"] for each in queued()}) == 2
    stranger = data(api.client(api.account()).post(MESSAGES, **asked))
    assert stranger["messages"][0]["message_id"] != first["messages"][0]["message_id"]


def test_it_sends_for_a_subaccount(api: ServedApi, acme: Login, client: httpx.Client, queued: Any) -> None:
    below = api.account(parent=acme)
    data(client.post(MESSAGES, json=TEXT | {"account_id": below.account_id}))
    data(api.client(below).post(SMS, json={"messages": [TEXT]}))
    assert {(each["account_id"], each["subaccount_id"]) for each in queued()} == {(acme.account_id, below.account_id)}
    stranger = api.account()
    assert client.post(MESSAGES, json=TEXT | {"account_id": stranger.account_id}).status_code == 404


REFUSED: dict[str, tuple[Any, list[str]]] = {
    "no text": ({"to": "+61491570156"}, ["body"]),
    "no number": ({"messages": [TEXT, {"to": "12", "body": "Hello"}]}, ["messages[1].to"]),
    "unknown fields": (TEXT | {"bodyy": "x", "sender": "ACME"}, ["bodyy", "sender"]),
    "somebody else's": ({"messages": [TEXT | {"account_id": "acme"}]}, ["messages[0].account_id"]),
    "in extra": (TEXT | {"extra": {"to": "+61491570157"}}, ["extra.to"]),
    "no object": ({"messages": [7]}, ["messages[0]"]),
    "none": ({"messages": []}, ["messages"]),
    "too many": ({"messages": [TEXT] * 1001}, ["messages"]),
    "one id for two": ({"messages": [TEXT | {"message_id": "a"}] * 2}, ["messages[1].message_id"]),
    "too large": (TEXT | {"extra": {"x": "y" * 70_000}}, ["$"]),
    "half a pair": (TEXT | {"extra": {"x": "\ud800"}}, ["extra.x"]),
    "a time": (TEXT | {"schedule": "tomorrow"}, ["schedule"]),
}


@pytest.mark.parametrize(("document", "fields"), REFUSED.values(), ids=REFUSED)
def test_it_refuses_all_or_none_by_field(client: httpx.Client, queued: Any, document: Any, fields: list[str]) -> None:
    answer = client.post(MESSAGES, content=json.dumps(document), headers={"Content-Type": "application/json"})
    assert sorted(set(blamed(answer))) == sorted(fields)
    assert queued() == []


def sms_api(api: ServedApi, login: Login) -> SmsApi:
    return SmsApi(ApiClient(Configuration(host=api.url, username=login.account_id, password=login.key)))


def test_the_generated_client_sends(api: ServedApi, acme: Login, queued: Any) -> None:
    messages = [
        {"to": "+61491570156", "body": "Hello", "source": "python", "custom_string": "7", "from": ""},
        {"to": "07400 123456", "country": "GB", "body": "Hello", "from": "ACME", "schedule": 1893456000},
        {"to": "nobody", "body": "Hello"},
        {"to": "+6591234567", "body": "Hello", "from_email": "a@example.com"},
    ]
    senders = [{"recipient_country_code": "SG", "sender_id": "ACME"}]
    request = SendSmsRequest.from_dict({"messages": messages, "senders": senders, "shorten_urls": False})
    clicksend = sms_api(api, acme)
    sent = clicksend.send_sms(send_sms_request=request)
    clicksend.api_client.rest_client.pool_manager.clear()
    assert sent.data is not None
    assert sent.data.messages is not None
    assert [each.status for each in sent.data.messages] == ["SUCCESS", "SUCCESS", "INVALID_RECIPIENT", "SUCCESS"]
    assert (sent.data.total_count, sent.data.queued_count, sent.data.blocked_count) == (4, 3, 1)
    au, gb, sg = queued()
    assert (au["source"], au["custom_string"], "sender_id" in au) == ("python", "7", False)
    assert (gb["sender_id"], gb["schedule"], gb["country"]) == ("ACME", 1893456000, "GB")
    assert (sg["sender_id"], sg["from_email"]) == ("ACME", "a@example.com")
    assert [each.message_id for each in sent.data.messages if each.message_id] == [
        each["message_id"] for each in (au, gb, sg)
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"messages": [{"body": "Hello", "list_id": "7"}]}, "messages[0].list_id"),
        ({"messages": [TEXT | {"contact_id": 7}]}, "messages[0].contact_id"),
        ({"messages": [{"body": "Hello"}]}, "messages[0].to"),
        ({"messages": [TEXT], "shorten_urls": True}, "shorten_urls"),
        ({"messages": [TEXT | {"body": ""}]}, "messages[0].body"),
        ({"messages": [TEXT], "senders": [{"recipient_country_code": "AU"}]}, "senders[0].sender_id"),
    ],
)
def test_it_refuses_what_it_does_not_do(client: httpx.Client, queued: Any, change: dict[str, Any], field: str) -> None:
    assert field in blamed(client.post(SMS, json=change))
    assert queued() == []


def test_it_says_that_the_broker_is_away(api: ServedApi, acme: Login) -> None:
    settings = ApiSettings(
        broker_url="redis://127.0.0.1:1/0", redis_url=api.settings.redis_url, database_url=api.settings.database_url
    )
    with running_server(settings) as url, httpx.Client(base_url=url, auth=acme.basic) as client:
        assert client.post(MESSAGES, json=TEXT).status_code == 503
