"""Campaign batches on a running worker: each recipient once, counted exactly, one bad one stops no other."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from core.accounts.senders import Senders
from core.campaigns.progress import CampaignProgress, Progress
from core.errors import NotFoundError, ParkReason
from core.parked.store import ParkedFilter
from core.sender import Sender, SenderType
from core.store import Store
from tests.support.accounts import AU, AU_NUMBER, EXPECTED, FR, GB, NAME, US, add_account, message
from tests.support.running_worker import PATIENCE_S, Deployment, until
from tests.support.stock_clients import dispatched, notices, push, receive, send_with_celery
from worker.envelopes.sealing import Sealer
from worker.handoff.keys import Keys

SENDABLE = [AU, GB, FR, US]


def batch(*recipients: Any, **fields: Any) -> dict[str, Any]:
    return {
        "account_id": "acme",
        "campaign_id": f"c-{uuid.uuid4().hex[:12]}",
        "batch_id": "b-1",
        "body": "Doors open at nine.",
        "recipients": [{"to": each} if isinstance(each, str) else each for each in recipients],
    } | fields


def progress(deployment: Deployment, campaign: dict[str, Any]) -> CampaignProgress:
    with redis.Redis.from_url(deployment.redis_url) as client:
        return Progress(client, "smart-assign").find(campaign["campaign_id"])


def counts(deployment: Deployment, campaign: dict[str, Any]) -> dict[str, object]:
    try:
        document = progress(deployment, campaign).document()
    except NotFoundError:
        document = CampaignProgress("acme", campaign["campaign_id"]).document()
    return {name: document[name] for name in ("received", "dispatched", "parked", "duplicates", "batches")}


def test_it_gives_each_recipient_the_sender_of_its_country(deployment: Deployment) -> None:
    sent = batch(*SENDABLE, source="crm", vip=True)
    push(deployment, [sent], "campaign_ingress")
    came = dispatched(deployment, 4)
    assert {each["to"]: each["sender_id"] for each in came} == {to: EXPECTED[to] for to in SENDABLE}
    assert {(each["campaign_id"], each["batch_id"], each["source"]) for each in came} == {
        (sent["campaign_id"], "b-1", "crm")
    }
    assert all(each["extra"] == {"vip": True} for each in came)


def test_it_lets_one_bad_recipient_stop_no_other(deployment: Deployment) -> None:
    sent = batch(AU, {"to": 7}, "nonsense", {}, "+870773111632", {"to": GB, "body": "x" * 1601}, FR)
    push(deployment, [sent], "campaign_ingress")
    assert sorted(each["to"] for each in dispatched(deployment, 2)) == sorted([AU, FR])
    told = notices(deployment, 5)
    fields = {each["fields"][0]["field"] for each in told if "fields" in each}
    assert fields == {"recipients[1].to", "recipients[2].to", "recipients[3].to", "recipients[5].body"}
    assert {each["campaign_id"] for each in told} == {sent["campaign_id"]}
    until(lambda: counts(deployment, sent)["batches"] == 1, PATIENCE_S, "the batch's end")
    assert counts(deployment, sent) == {
        "received": 7,
        "dispatched": 2,
        "parked": {"INVALID_MESSAGE": 3, "INVALID_RECIPIENT": 1, "UNKNOWN_COUNTRY": 1},
        "duplicates": 0,
        "batches": 1,
    }


def test_it_derives_the_same_message_id_at_every_delivery(deployment: Deployment) -> None:
    sent = batch(*SENDABLE)
    push(deployment, [sent], "campaign_ingress")
    first = dispatched(deployment, 4)
    assert len({each["message_id"] for each in first}) == 4
    push(deployment, [sent], "campaign_ingress")
    until(lambda: counts(deployment, sent)["duplicates"] == 4, PATIENCE_S, lambda: str(counts(deployment, sent)))
    assert counts(deployment, sent) == {
        "received": 8,
        "dispatched": 4,
        "parked": {},
        "duplicates": 4,
        "batches": 1,
    }


def test_it_takes_a_batch_sent_with_celery(deployment: Deployment) -> None:
    sent = batch(AU)
    queue = deployment.queue("campaigns")
    send_with_celery(deployment, [{"args": [sent], "task": "campaign.assign"}], queue=queue)
    assert dispatched(deployment, 1)[0]["sender_id"] == AU_NUMBER


def test_it_runs_a_batch_that_needs_celery_itself(deployment: Deployment) -> None:
    sent = batch(AU, GB)
    queue = deployment.queue("campaigns")
    call = {"args": [sent], "task": "campaign.assign", "options": {"countdown": 1}}
    send_with_celery(deployment, [call], queue=queue)
    assert len(dispatched(deployment, 2)) == 2


#: What a document may hold beside its recipient: nothing, all fields, and texts that JSON can write in several ways.
DOCUMENTS: list[dict[str, Any]] = [
    {},
    {"source": "s", "custom_string": 'é \U0001f600 " \\ </x>', "schedule": 1893456000.5, "vip": {"n": [1, None]}}
    | {"expires_at": "2999-01-31t12:00:00+10:00", "traffic_class": "otp", "reply_expected": True, "sender_id": ""},
    {"country": "uk", "body": "\u0000\u2028\u007f\t"},
]
#: The ids and the time: as long, whichever they are, so that all else must be equal to the byte.
OF_ITS_OWN = ("dispatch_id", "message_id", "assigned_at")


def without(body: str | bytes, *names: str) -> bytes:
    """The bytes of an enriched message with the values of some fields blanked."""
    raw = body.encode() if isinstance(body, str) else bytes(body)
    document = json.loads(raw)
    for name in names:
        value = json.dumps(document[name]).encode()
        assert raw.count(b'"%b":%b' % (name.encode(), value)) == 1
        raw = raw.replace(b'"%b":%b' % (name.encode(), value), b'"%b":' % name.encode())
    return raw


def test_it_writes_the_same_bytes_by_every_way_in(deployment: Deployment) -> None:
    plain, later = {}, {"options": {"countdown": 0.1}}  # what asks for a time is run by Celery, one by one
    ways = {"message.assign": ("ingress", "messages"), "campaign.assign": ("campaign_ingress", "campaigns")}
    for task, (bare, tasks) in ways.items():
        made = [[_document(task, fields) for fields in DOCUMENTS] for _ in range(3)]
        push(deployment, made[0], bare)
        calls = [
            {"args": [each], "task": task, **how} for how, rest in ((plain, made[1]), (later, made[2])) for each in rest
        ]
        send_with_celery(deployment, calls, queue=deployment.queue(tasks))
    came = [each.body for each in receive(deployment, 6 * len(DOCUMENTS))]
    assert len({json.loads(each)["dispatch_id"] for each in came}) == len(came)
    by_text = Counter(without(each, *OF_ITS_OWN, "campaign_id", "batch_id") for each in came)
    assert list(by_text.values()) == [6] * len(DOCUMENTS)
    assert Counter(json.loads(each)["batch_id"] for each in came) == {None: len(came) // 2, "b-1": len(came) // 2}


def _document(task: str, fields: dict[str, Any]) -> dict[str, Any]:
    to = "07400 123456" if "country" in fields else AU
    shared = {"body": "Same."} | fields
    return message(to, **shared) if task == "message.assign" else batch({"to": to}, **shared)


@pytest.mark.parametrize(
    ("to", "senders", "sender_id", "source"),
    [
        pytest.param(
            US,
            [{"recipient_country_code": "US", "sender_type": "alpha_tag", "sender_id": NAME}],
            EXPECTED[US],
            "smart",
            id="not compliant: the next step decides",
        ),
        pytest.param(
            GB,
            [{"recipient_country_code": "UK", "sender_type": "longcode", "sender_id": EXPECTED[GB]}],
            EXPECTED[GB],
            "override",
            id="compliant",
        ),
    ],
)
def test_it_obeys_the_senders_of_a_batch(
    deployment: Deployment, to: str, senders: list[dict[str, str]], sender_id: str, source: str
) -> None:
    push(deployment, [batch(to, senders=senders)], "campaign_ingress")
    (came,) = dispatched(deployment, 1)
    assert (came["sender_id"], came["assignment"]["source"]) == (sender_id, source)
    reverted = source == "smart"
    assert ("OVERRIDE_NOT_COMPLIANT_REVERTED" in came["assignment"]["warnings"]) is reverted


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        pytest.param({"recipients": [{"to": AU}] * 10_001}, "recipients", id="too many recipients"),
        pytest.param({"recipients": []}, "recipients", id="no recipient"),
        pytest.param({"batch_id": None}, "batch_id", id="no batch id"),
        pytest.param({"senders": [{"sender_type": "fax"}]}, "senders[0].sender_type", id="a broken sender"),
    ],
)
def test_it_parks_a_broken_batch_whole(deployment: Deployment, broken: dict[str, Any], field: str) -> None:
    push(deployment, [batch(AU) | broken, batch(GB)], "campaign_ingress")
    assert dispatched(deployment, 1)[0]["to"] == GB
    (told,) = notices(deployment, 1)
    assert told["reason"] == "INVALID_MESSAGE"
    assert field in {each["field"] for each in told["fields"]}


def completed(deployment: Deployment, campaign_id: str) -> dict[str, Any]:
    """The event of a campaign's end; other tests leave events on the same queue."""
    while True:
        (event,) = receive(deployment, 1, queue="events")
        if event.payload.get("campaign_id") == campaign_id:
            return dict(event.payload)


def test_it_settles_a_batch_of_many_chunks_and_tells_of_the_end(deployment: Deployment) -> None:
    first = batch(*([AU] * 2500), total_batches=2)
    push(deployment, [first, first | {"batch_id": "b-2"}], "campaign_ingress")
    came = dispatched(deployment, 5000)
    assert len({each["dispatch_id"] for each in came}) == 5000
    until(lambda: progress(deployment, first).complete, PATIENCE_S, "the campaign's end")
    event = completed(deployment, first["campaign_id"])
    assert event["event"] == "campaign.completed"
    assert {name: event[name] for name in ("schema", "account_id", "received", "dispatched", "batches")} == {
        "schema": 1,
        "account_id": "acme",
        "received": 5000,
        "dispatched": 5000,
        "batches": 2,
    }
    assert event["parked"] == {}


def test_it_tells_of_an_end_whose_worker_died_before_it_could(deployment: Deployment) -> None:
    event = json.dumps({"event": "campaign.completed", "campaign_id": "orphan"}).encode()
    with redis.Redis.from_url(deployment.redis_url) as client:
        client.lpush(Keys("smart-assign").event_outbox, *Sealer("any").seal([event], [b""]))
        assert completed(deployment, "orphan")["event"] == "campaign.completed"
        until(lambda: not client.exists(Keys("smart-assign").event_outbox), PATIENCE_S, "the outbox is empty")


@pytest.mark.parametrize("position", [0, 2], ids=["settled first", "settled last"])
def test_it_completes_a_campaign_whose_total_one_batch_alone_tells(deployment: Deployment, position: int) -> None:
    plain = batch(AU)
    batches = [plain | {"batch_id": f"b-{number}"} for number in range(3)]
    batches[position]["total_batches"] = 3
    for number, each in enumerate(batches, 1):
        assert number == 1 or not progress(deployment, plain).complete
        push(deployment, [each], "campaign_ingress")
        dispatched(deployment, 1)
        until(lambda settled=number: counts(deployment, plain)["batches"] == settled, PATIENCE_S, "the batch's end")
    assert progress(deployment, plain).complete
    assert completed(deployment, plain["campaign_id"])["batches"] == 3


def test_it_counts_a_recipient_that_was_parked_and_sent_again(deployment: Deployment, store: Store) -> None:
    account = add_account(store, f"late-{uuid.uuid4().hex[:8]}", ())
    sent = batch(AU, "nonsense", account_id=account)
    push(deployment, [sent], "campaign_ingress")
    until(lambda: counts(deployment, sent)["batches"] == 1, PATIENCE_S, "the batch's end")
    assert counts(deployment, sent)["parked"] == {"INVALID_RECIPIENT": 1, "NO_COMPLIANT_SENDER": 1}
    notices(deployment, 2)
    Senders(store).add(Sender(account, AU_NUMBER, SenderType.LONGCODE, "AU"))
    wanted = ParkedFilter(account_id=account, reason=ParkReason.NO_COMPLIANT_SENDER)
    until(lambda: bool(store.parked(wanted)), PATIENCE_S, "the record")
    time.sleep(1)  # a change is effective within a second
    ids = [entry.parked_id for entry in store.parked(wanted)]
    with store.take_for_replay(ids, datetime.now(UTC)) as documents:
        push(deployment, [document.document for document in documents], "campaign_ingress")
    (came,) = dispatched(deployment, 1)
    assert (came["campaign_id"], came["batch_id"]) == (sent["campaign_id"], "b-1")
    until(lambda: counts(deployment, sent)["dispatched"] == 1, PATIENCE_S, "the count")
    assert counts(deployment, sent) == {
        "received": 2,
        "dispatched": 1,
        "parked": {"INVALID_RECIPIENT": 1},
        "duplicates": 0,
        "batches": 1,
    }
