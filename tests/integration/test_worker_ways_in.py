"""Every way in leads to the same sender, and the dispatch queue is readable by anybody's client."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from kombu.compression import compress

from tests.support.accounts import AU, AU_NUMBER, EXPECTED, FR, GB, NAME, SPELLINGS, message
from tests.support.ids import message_digest
from tests.support.running_worker import Deployment
from tests.support.stock_clients import dispatched, notices, publish, push, receive, send_with_celery

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def by_id(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {document["message_id"]: document for document in documents}


def test_it_gives_one_sender_by_every_way_in(deployment: Deployment) -> None:
    plain = [message(to) for to in EXPECTED]
    task = [original | {"message_id": original["message_id"] + "-task"} for original in plain]
    push(deployment, plain)
    send_with_celery(deployment, [{"args": [each]} for each in task])
    came = by_id(dispatched(deployment, 2 * len(plain)))
    for one, other in zip(plain, task, strict=True):
        senders = {came[each["message_id"]]["sender_id"] for each in (one, other)}
        assert senders == {EXPECTED[one["to"]]}


def test_it_finds_a_sender_however_it_is_spelled_by_every_way_in(deployment: Deployment) -> None:
    """The text is read by the message's sender; what goes out is what the inventory holds."""
    asked = [(AU, text, AU_NUMBER) for text in SPELLINGS] + [(FR, text, NAME) for text in ("ACME", "acme", " Acme ")]
    plain = {message(to, sender_id=text)["message_id"]: (to, text, held) for to, text, held in asked}
    documents = [message(to, message_id=each, sender_id=text) for each, (to, text, _) in plain.items()]
    push(deployment, documents)
    send_with_celery(
        deployment, [{"args": [each | {"message_id": f"{each['message_id']}-task"}]} for each in documents]
    )
    batches = [
        {
            "account_id": "acme",
            "campaign_id": f"c-{each['message_id']}",
            "batch_id": "1",
            "body": "Doors open at nine.",
            "sender_id": each["sender_id"],
            "recipients": [{"to": each["to"], "message_id": f"{each['message_id']}-batch"}],
        }
        for each in documents
    ]
    push(deployment, batches, "campaign_ingress")
    came = by_id(dispatched(deployment, 3 * len(documents)))
    for each, (_, text, held) in plain.items():
        for way in ("", "-task", "-batch"):
            arrived = came[each + way]
            assert (arrived["sender_id"], arrived["assignment"]["source"]) == (held, "explicit"), text + way


def test_it_finds_the_sender_that_a_batch_names_for_a_country(deployment: Deployment) -> None:
    senders = [
        {
            "recipient_country_code": "AU",
            "sender_type": "longcode",
            "sender_id": "0491 570 006",
            "sender_country_code": "AU",
        },
        {"recipient_country_code": "FR", "sender_type": "alpha_tag", "sender_id": "acme"},
    ]
    batch = {"account_id": "acme", "campaign_id": "c-spelled", "batch_id": "1", "body": "x", "senders": senders}
    push(deployment, [batch | {"recipients": [{"to": AU}, {"to": FR}]}], "campaign_ingress")
    came = {each["to"]: (each["sender_id"], each["assignment"]["source"]) for each in dispatched(deployment, 2)}
    assert came == {AU: (AU_NUMBER, "override"), FR: (NAME, "override")}


def test_it_takes_too_few_digits_for_no_sender(deployment: Deployment) -> None:
    push(deployment, [message(AU, sender_id="12", sender_type="longcode")])
    (came,) = dispatched(deployment, 1)
    assert came["assignment"]["warnings"] == ["OVERRIDE_NOT_OWNED_REVERTED"]


def test_it_writes_what_the_schema_promises(deployment: Deployment) -> None:
    sent = message(GB, source="crm", custom_string="42", schedule=1893456000, vip=True, from_="x")
    push(deployment, [sent])
    (arrived,) = receive(deployment, 1)
    document = arrived.payload
    schema = json.loads((SCHEMAS / "enriched-message.json").read_text())
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(document)
    assert arrived.content_type == "application/json"
    assert arrived.properties["message_id"] == document["dispatch_id"]
    assert document["dispatch_id"] == message_digest("acme", sent["message_id"]).hex()
    assert document["extra"] == {"vip": True, "from_": "x"}
    assert {name: document[name] for name in ("source", "custom_string", "schedule")} == {
        "source": "crm",
        "custom_string": "42",
        "schedule": 1893456000,
    }
    age = datetime.now(UTC) - datetime.fromisoformat(document["assigned_at"])
    assert 0 <= age.total_seconds() < 20


def test_it_reads_keyword_arguments(deployment: Deployment) -> None:
    sent = message()
    send_with_celery(deployment, [{"kwargs": {"message": sent}}])
    assert dispatched(deployment, 1)[0]["message_id"] == sent["message_id"]


def test_it_takes_the_alias_from_and_the_country_uk(deployment: Deployment) -> None:
    named = message(GB) | {"from": "+447400000001"}
    national = message("07400 123456", country="UK")
    push(deployment, [named, national])
    came = by_id(dispatched(deployment, 2))
    assert came[named["message_id"]]["assignment"]["source"] == "explicit"
    assert came[national["message_id"]]["to"] == GB
    assert came[national["message_id"]]["country"] == "GB"


def test_it_unpacks_what_kombu_compressed(deployment: Deployment) -> None:
    if deployment.on_redis:
        pytest.skip("on Redis plain JSON is bare, with no headers to tell of compression")
    sent = message()
    packed, method = compress(json.dumps(sent), "gzip")
    publish(deployment, [packed], application_headers={"compression": method})
    assert dispatched(deployment, 1)[0]["message_id"] == sent["message_id"]


def test_it_tells_of_what_it_parks(deployment: Deployment) -> None:
    unknown = message(account_id="nobody")
    nowhere = message(account_id="bare")
    late = message(expires_at="2020-01-01T00:00:00Z")
    push(deployment, [unknown, nowhere, late, {"message_id": "incomplete"}])
    schema = json.loads((SCHEMAS / "parked-notice.json").read_text())
    told = notices(deployment, 4)
    for notice in told:
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(notice)
    reasons = {notice["message_id"]: notice["reason"] for notice in told}
    assert reasons == {
        unknown["message_id"]: "UNKNOWN_ACCOUNT",
        nowhere["message_id"]: "NO_COMPLIANT_SENDER",
        late["message_id"]: "EXPIRED",
        "incomplete": "INVALID_MESSAGE",
    }
    blamed = next(notice["fields"] for notice in told if notice["message_id"] == "incomplete")
    assert {entry["field"] for entry in blamed} == {"account_id", "to", "body"}


def test_it_dispatches_before_it_expires(deployment: Deployment) -> None:
    push(deployment, [message(AU, expires_at="2999-01-01T00:00:00Z")])
    assert dispatched(deployment, 1)[0]["sender_id"] == AU_NUMBER
