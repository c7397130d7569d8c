"""Whatever comes in, the worker stays up, nothing is lost, and the good messages around it go out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from core.parked.store import ParkedFilter
from tests.integration.conftest import MakeDeployment
from tests.support.accounts import message, open_store
from tests.support.hostile import DEEP, DEEP_EXTRA, HUGE, hostile_documents, odd_but_good
from tests.support.running_worker import Deployment, running, until
from tests.support.stock_clients import as_bytes, dispatched, notices, publish, purge, push, send_with_celery, waiting


def parked_count(deployment: Deployment) -> int:
    with open_store(deployment.database_url, deployment.redis_url) as store:
        return sum(store.parked_counts(ParkedFilter()).values())


def test_it_parks_a_million_hostile_bytes_and_sends_the_rest(deployment: Deployment) -> None:
    bad = [*hostile_documents(), DEEP, DEEP_EXTRA, HUGE]
    good = [*odd_but_good(), *(as_bytes(message()) for _ in range(50))]
    before = parked_count(deployment)
    mixed: list[bytes] = []
    for place, document in enumerate(bad):
        mixed.append(document)
        if place % (len(bad) // len(good)) == 0 and place // (len(bad) // len(good)) < len(good):
            mixed.append(good[place // (len(bad) // len(good))])
    push(deployment, mixed)
    came = dispatched(deployment, len(good))
    expected = Counter(json.loads(document)["message_id"] for document in good)
    assert Counter(document["message_id"] for document in came) == expected
    until(lambda: parked_count(deployment) - before >= len(bad), 60, lambda: f"{parked_count(deployment)} parked")
    told = notices(deployment, len(bad))
    assert parked_count(deployment) - before == len(bad)
    assert len({notice["parked_id"] for notice in told}) == len(bad)
    assert all(notice["detail"] for notice in told)
    assert {notice["reason"] for notice in told} == {
        "INVALID_MESSAGE",
        "INVALID_RECIPIENT",
        "UNKNOWN_ACCOUNT",
        "EXPIRED",
    }
    assert (waiting(deployment, "dispatch"), waiting(deployment, "parked"), waiting(deployment, "ingress")) == (0, 0, 0)


def test_it_keeps_what_it_parks_to_the_byte(deployment: Deployment) -> None:
    strange = b'{"message_id": "x", "body": "\xff\x00"}'
    push(deployment, [strange])
    (notice,) = notices(deployment, 1)
    with open_store(deployment.database_url, deployment.redis_url) as store:
        kept = store.parked_one(notice["parked_id"])
    assert kept is not None
    assert kept.document == strange


@pytest.fixture(scope="module")
def on_postgresql(make_deployment: MakeDeployment) -> Iterator[Deployment]:
    with running(make_deployment("redis-postgresql")) as worker:
        yield worker.deployment


@pytest.mark.redis
@pytest.mark.postgres
def test_it_parks_on_redis_beside_postgresql(on_postgresql: Deployment) -> None:
    purge(on_postgresql, "dispatch", "parked")
    bad = list(hostile_documents(size=50_000))
    push(on_postgresql, [*bad, message()])
    assert len(dispatched(on_postgresql, 1)) == 1
    notices(on_postgresql, len(bad))
    assert parked_count(on_postgresql) == len(bad)


#: Headers of a task message that Celery's own consumer would trip over.
HEADERS = (
    {"task": "message.assign", "id": "t1", "eta": "tomorrow"},
    {"task": "message.assign", "id": "t1", "compression": "application/x-gzip"},
    {"task": "message.assign", "id": "t1", "compression": "no such thing"},
    {"task": "message.assign", "id": 7},
    {"task": "message.assign"},
    {"task": "os.system", "id": "t1"},
    {"task": None, "id": None},
)


def test_it_parks_task_messages_that_nobody_can_read(deployment: Deployment) -> None:
    body = json.dumps([[message()], {}, {}]).encode()
    if deployment.on_redis:
        envelopes = [
            {"body": body.decode(), "headers": headers, "properties": {}, "content-type": "application/json"}
            | {"content-encoding": "utf-8"}
            for headers in HEADERS
        ]
        push(deployment, [*envelopes, b"\x00", b"{}", DEEP], queue="messages")
        count = len(HEADERS) + 3
    else:
        for headers in HEADERS:
            publish(deployment, [body], "messages", application_headers=headers)
        publish(deployment, [b"\x00", DEEP], "messages")
        publish(deployment, [b"\x00"], "messages", content_type="application/x-python-serialize")
        count = len(HEADERS) + 3
    send_with_celery(deployment, [{"args": [message()]}])
    assert len(dispatched(deployment, 1)) == 1
    assert {notice["reason"] for notice in notices(deployment, count)} == {"INVALID_MESSAGE"}


def test_it_refuses_pickle(deployment: Deployment) -> None:
    options = {"serializer": "pickle"}
    send_with_celery(deployment, [{"args": [message()], "options": options}])
    (notice,) = notices(deployment, 1)
    assert notice["reason"] == "INVALID_MESSAGE"
    assert waiting(deployment, "dispatch") == 0
