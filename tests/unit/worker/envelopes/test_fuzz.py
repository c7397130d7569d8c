"""Envelopes of strangers, drawn by the thousand (`make fuzz` for longer): none trips what reads them, kombu or Celery."""

from __future__ import annotations

import json
from collections.abc import Callable
from struct import pack
from types import SimpleNamespace
from typing import Any

import amqp
import pytest
from celery import Celery
from celery.worker import state
from celery.worker.request import Request
from celery.worker.strategy import default
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection
from kombu.message import Message
from kombu.transport.virtual import Message as VirtualMessage

from tests.support.effort import examples, portion
from tests.support.envelopes_fuzz import (
    BODIES,
    LATER,
    anything,
    bodies,
    each_header_odd,
    element,
    elements,
    headers,
    raw_properties,
)
from worker.celery_setup.rabbitmq_transport import UNREADABLE, reading_frame_handler
from worker.envelopes.broadcasts import read_broadcast, read_broadcast_delivery
from worker.envelopes.celery_queue import CeleryQueue, read_scheduled
from worker.envelopes.commands import CHANGING
from worker.envelopes.opening import Document, ForCelery, Opened, Opener, Refused
from worker.envelopes.sealing import sealed_for_celery
from worker.envelopes.task_messages import BATCH_TASK, WORK_TASK, task_headers
from worker.rabbitmq_broker.deliveries import read_delivery

ELSEWHERE, OURS = frozenset({"elsewhere"}), frozenset({"q"})
OPENERS = [Opener(results_kept=kept, callbacks_to=ELSEWHERE, ours=OURS) for kept in (False, True)]
CELERY_QUEUE = CeleryQueue(callbacks_to=ELSEWHERE, ours=OURS)
APP = Celery("fuzz", broker="memory://")
CHANNEL = Connection("memory://").channel()
often = examples(400)


@APP.task(name="any.task")  # type: ignore[untyped-decorator]  # celery is untyped
def _any_task() -> None:
    return


TAKEN: list[Request] = []
CONSUMER = SimpleNamespace(
    hostname="w@host",
    connection_errors=(),
    event_dispatcher=SimpleNamespace(enabled=True, send=lambda _, **told: json.dumps(told)),
    timer=SimpleNamespace(call_at=lambda _, __, args, **___: TAKEN.append(args[0])),
    apply_eta_task=TAKEN.append,
    disable_rate_limits=True,
    task_buckets={"any.task": None},
    on_task_request=TAKEN.append,
    _limit_task=None,
    _limit_post_eta=None,
    controller=SimpleNamespace(state=state),
    pool=SimpleNamespace(apply_async=None),
    qos=SimpleNamespace(increment_eventually=lambda: None),
)
STRATEGY = default(APP.tasks["any.task"], APP, CONSUMER)


def taken_by_celery(message: Message) -> None:
    """Does what Celery's consumer does of a task message until it gives the task to its pool, or to its timer."""
    assert isinstance(message.headers["task"], str)
    TAKEN.clear()
    STRATEGY(message, None, lambda *_: None, lambda *_, **__: None, [])
    (request,) = TAKEN
    state.requests.clear()
    state.reserved_requests.clear()
    assert isinstance(request.id, str)
    assert (request.stamped_headers, request.stamps) == ([], {})
    json.dumps([request.info(), request.eta and request.eta.isoformat(), request.expires and str(request.expires)])


def taken_from_a_list(element: bytes) -> None:
    taken_by_celery(VirtualMessage(json.loads(element), channel=CHANNEL, accept={"application/json"}))


def is_sound(opened: Opened) -> None:
    match opened:
        case Document(content):
            assert isinstance(content, bytes)
        case Refused(error):
            assert error.field
            assert 0 < len(error.reason) < 300
        case ForCelery() as task:
            taken_from_a_list(sealed_for_celery(task, "q"))


@often
@given(elements())
def test_it_opens_any_element_of_a_list(raw: bytes) -> None:
    for opener in OPENERS:
        is_sound(opener.open_kombu_message(raw))


@pytest.mark.parametrize(
    "asked", [{}, {"eta": LATER}, {"group": "g"}, {"retries": 1}], ids=["nothing", "eta", "group", "retries"]
)
def test_it_opens_each_header_of_each_type(asked: dict[str, Any]) -> None:
    """One value at a time: of those drawn above, few have but one that is odd, and the others have them refused."""
    for told in portion(list(each_header_odd(asked))):
        body = json.dumps(BODIES[0]).encode()
        raw = SimpleNamespace(body=body, delivery_info={"delivery_tag": 1, "redelivered": False})
        raw.properties = {"application_headers": told, "content_type": "application/json"}
        for opener in OPENERS:
            is_sound(read_delivery(raw).opened(opener))
            is_sound(opener.open_kombu_message(element(told, body)))
        shown = CELERY_QUEUE.read_element(element(told, body), "q")
        if shown is not None:
            taken_from_a_list(shown)


@often
@given(elements())
def test_celery_takes_whatever_it_is_shown_of_its_queue(raw: bytes) -> None:
    shown = CELERY_QUEUE.read_element(raw, "q")
    if shown is not None:
        taken_from_a_list(shown)


@often
@given(headers, anything, bodies, anything, anything)
def test_it_opens_any_delivery(headers: Any, content_type: Any, body: bytes, reply_to: Any, message_id: Any) -> None:
    raw = SimpleNamespace(body=body, delivery_info={"delivery_tag": 1, "redelivered": True})
    for kind in (content_type, "application/json"):
        told = {"application_headers": headers, "content_type": kind, "reply_to": reply_to, "message_id": message_id}
        raw.properties = told
        delivery = read_delivery(raw)
        for opener in OPENERS:
            is_sound(delivery.opened(opener))
        task = read_scheduled(delivery.headers, delivery.content_type, delivery.body)
        if task is not None:
            is_sound(task)


@often
@given(elements(), headers, anything, bodies, st.booleans())
def test_it_refuses_a_broadcast_or_writes_one_that_kombu_reads(
    raw: bytes, headers: Any, content_type: Any, body: bytes, command: bool
) -> None:
    read = refused_or(lambda: read_broadcast(raw, CHANGING if command else None))
    if read is not None:
        message = VirtualMessage(json.loads(read), channel=CHANNEL, accept={"application/json"})
        is_broadcast(message.headers, message.decode(), command=command)
    for kind in (content_type, "application/json"):
        delivered = refused_or(
            lambda kind=kind: read_broadcast_delivery(headers, kind, body, CHANGING if command else None)
        )
        if delivered is not None:
            is_broadcast(delivered.headers, json.loads(delivered.body), command=command)


def refused_or(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ValueError:
        return None


def is_broadcast(headers: Any, body: Any, *, command: bool) -> None:
    assert isinstance(headers.get("clock") or 0, int)
    assert isinstance(body, dict if command else dict | list)
    if command:
        assert isinstance(body["method"], str)
        assert body.get("matcher") in {None, "glob"}


@often
@given(raw_properties(), st.binary(max_size=40))
def test_a_connection_reads_on_after_any_properties(properties: bytes, body: bytes) -> None:
    came: list[Any] = []
    on_frame = reading_frame_handler(SimpleNamespace(bytes_recv=0), lambda *message: came.append(message[3]))
    for header in (properties, b"\x00\x00"):
        on_frame((1, 1, pack(">HH", 60, 60)))
        on_frame((2, 1, pack(">HHQ", 60, 0, len(body)) + header))
        if body:
            on_frame((3, 1, body))
    first, second = came
    assert (first.body or b"", second.body or b"") == (body, body)
    assert second.properties == {}
    first.delivery_info = {"delivery_tag": 1, "redelivered": False}
    is_sound(read_delivery(first).opened(OPENERS[0]))


def test_it_says_what_it_could_not_read() -> None:
    came: list[amqp.Message] = []
    on_frame = reading_frame_handler(SimpleNamespace(bytes_recv=0), lambda *message: came.append(message[3]))
    on_frame((1, 1, pack(">HH", 60, 60)))
    on_frame((2, 1, pack(">HHQ", 60, 0, 0) + b"\x00\x80\x01\xff"))
    assert came[0].properties == {"application_headers": {UNREADABLE: "UnicodeDecodeError"}}


def test_celery_is_shown_the_claims_that_are_ours() -> None:
    for task in (WORK_TASK, BATCH_TASK):
        written = sealed_for_celery(
            ForCelery(
                task_headers(task, "t1", ""), {}, json.dumps([["ingress-" + "a" * 32 + ".7", 3], {}, {}]).encode()
            ),
            "q",
        )
        shown = json.loads(CELERY_QUEUE.read_element(written, "q") or b"{}")
        assert shown["headers"]["task"] == task
        assert json.loads(shown["body"])[0] == ["ingress-" + "a" * 32 + ".7", 3]
