"""Envelopes: what a stock kombu consumer reads, and what is taken out of tasks that clients send with Celery."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from datetime import UTC, datetime
from typing import Any

import pytest
from celery import Celery
from kombu import Connection
from kombu.compression import compress
from kombu.transport.virtual import Message

from worker.envelopes.handover import HIDDEN, MOST_LEVELS, has_passed
from worker.envelopes.task_messages import Opened, Sealer, TaskHeaders, open_kombu_message, open_task

DOCUMENT = {"message_id": "m1", "body": "héllo"}
EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
BODY = [[DOCUMENT], {}, EMBED]
HEADERS = {"task": "message.assign", "id": "t1", "lang": "py", "argsrepr": "([SECRET],)", "kwargsrepr": "{}"}


def envelope(body: object = BODY, *, headers: dict[str, Any] | None = None, **fields: Any) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return json.dumps(
        {
            "body": base64.b64encode(raw).decode(),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": HEADERS | (headers or {}),
            "properties": {"body_encoding": "base64", "delivery_tag": "x"},
        }
        | fields
    ).encode()


def opened(raw: bytes, *, results_kept: bool = False) -> Opened:
    return open_kombu_message(raw, results_kept=results_kept)


def handed(body: bytes) -> tuple[object, str | None, object]:
    """The document, the end and the callbacks of a task as Celery gets it."""
    args, kwargs, embed = json.loads(body)
    assert args == []
    return json.loads(kwargs["document"].encode("latin-1")), kwargs.get("expires"), embed


def handed_in(envelope: bytes | None) -> tuple[object, str | None, object]:
    return handed(base64.b64decode(json.loads(envelope or b"{}")["body"]))


def test_it_seals_what_kombu_reads() -> None:
    payload = json.dumps(DOCUMENT).encode()
    first, second = Sealer("dispatch").seal([payload, payload], [b"id-1", b"id-2"])
    with Connection("memory://") as connection:
        message = Message(json.loads(first), channel=connection.channel(), accept={"application/json"})
    assert message.payload == DOCUMENT
    assert message.properties["message_id"] == "id-1"
    assert json.loads(second)["properties"]["delivery_tag"] != message.delivery_tag


def test_it_takes_the_document_out_of_the_arguments() -> None:
    assert json.loads(opened(envelope()).document or b"") == DOCUMENT


def test_it_takes_the_document_out_of_the_keyword_arguments() -> None:
    assert json.loads(opened(envelope([[], {"message": DOCUMENT}, {}])).document or b"") == DOCUMENT


def test_it_takes_a_text_body() -> None:
    raw = envelope(body=b"").replace(b'"body": ""', b'"body": ' + json.dumps(json.dumps(BODY)).encode())
    assert json.loads(opened(raw.replace(b"base64", b"utf-8")).document or b"") == DOCUMENT


LATER = "2026-01-31T12:00:00+00:00"
NEEDING: dict[str, dict[str, Any]] = {
    "eta": {"eta": LATER},
    "expires": {"expires": LATER},
    "a group": {"group": "g1"},
    "a retry": {"retries": 1},
}


@pytest.mark.parametrize("headers", NEEDING.values(), ids=NEEDING.keys())
def test_it_gives_to_celery_what_only_celery_can_do(headers: dict[str, Any]) -> None:
    answer = opened(envelope(headers=headers | {"timelimit": [1, 1]})).for_celery
    assert handed_in(answer) == (DOCUMENT, headers.get("expires"), EMBED)
    given = json.loads(answer or b"")["headers"]
    assert (given["argsrepr"], given["kwargsrepr"]) == (HIDDEN, HIDDEN)
    assert (given["expires"], given["timelimit"]) == (None, [None, None])
    assert {name: given[name] for name in headers} == headers | ({"expires": None} if "expires" in headers else {})


def test_it_needs_no_celery_for_a_time_limit() -> None:
    assert json.loads(opened(envelope(headers={"timelimit": [None, 10]})).document or b"") == DOCUMENT


def test_it_hands_over_again_what_celery_enqueues_again() -> None:
    first = json.loads(opened(envelope(headers={"eta": LATER, "expires": LATER})).for_celery or b"")
    again = first | {"headers": first["headers"] | {"retries": 1}}
    assert handed_in(opened(json.dumps(again).encode()).for_celery) == (DOCUMENT, LATER, EMBED)


DEEP = "[" * 900 + "]" * 900


def test_it_hands_over_a_document_as_one_text() -> None:
    raw = f'[[{{"n": {10**30}, "at": {{"__type__": "datetime", "__value__": "x"}}, "deep": {DEEP}}}], {{}}, null]'
    body = base64.b64decode(
        json.loads(opened(envelope(raw.encode(), headers={"eta": LATER})).for_celery or b"")["body"]
    )
    assert json.loads(body)[1]["document"] == raw[2:-12]


@pytest.mark.parametrize(
    "body",
    [
        f'[[{{}}], {{}}, {{"callbacks": {"[" * (MOST_LEVELS + 1)}{"]" * (MOST_LEVELS + 1)}}}]',
        f'[[{{}}], {{}}, {{"chord": {DEEP}}}]',
    ],
)
def test_it_refuses_callbacks_that_celery_could_not_take_to_its_pool(body: str) -> None:
    refused = opened(envelope(body.encode())).refused
    assert refused is not None
    assert refused.reason.endswith("it is nested too deeply")


FIRST_PROTOCOL: dict[str, Any] = (
    {"task": "message.assign", "id": "t1", "args": [DOCUMENT], "kwargs": {}, "retries": 0}
    | {"expires": None, "eta": None, "utc": True, "callbacks": None, "errbacks": None, "timelimit": [None, None]}
    | {"taskset": None, "chord": None}
)


def first_protocol(**fields: Any) -> bytes:
    return json.dumps(json.loads(envelope(FIRST_PROTOCOL | fields)) | {"headers": {}}).encode()


def test_it_reads_the_first_protocol_of_celery() -> None:
    assert json.loads(opened(first_protocol()).document or b"") == DOCUMENT
    named = first_protocol(args=[], kwargs={"message": DOCUMENT})
    assert json.loads(opened(named).document or b"") == DOCUMENT


@pytest.mark.parametrize(
    "fields", [{"eta": LATER}, {"expires": LATER}, {"retries": 2}, {"callbacks": [{"task": "next"}]}]
)
def test_it_hands_over_the_first_protocol_as_the_second(fields: dict[str, Any]) -> None:
    answer = opened(first_protocol(**fields)).for_celery
    document, expires, embed = handed_in(answer)
    assert (document, expires) == (DOCUMENT, fields.get("expires"))
    assert embed == {"callbacks": fields.get("callbacks"), "errbacks": None, "chord": None}
    headers = json.loads(answer or b"")["headers"]
    assert (headers["task"], headers["id"], headers["eta"]) == ("message.assign", "t1", fields.get("eta"))
    assert headers["retries"] == fields.get("retries", 0)


@pytest.mark.parametrize("embedded", ["callbacks", "errbacks", "chain", "chord"])
def test_it_gives_to_celery_what_goes_on_afterwards(embedded: str) -> None:
    assert opened(envelope([[DOCUMENT], {}, {embedded: [{"task": "next"}]}])).for_celery


@pytest.mark.parametrize(
    ("ignored", "kept", "for_celery"),
    [(True, True, False), (False, True, True), (None, True, True), (False, False, False), (None, False, False)],
)
def test_it_gives_to_celery_a_task_whose_result_is_kept(ignored: bool | None, kept: bool, for_celery: bool) -> None:
    answer = opened(envelope(headers={"ignore_result": ignored}), results_kept=kept)
    assert bool(answer.for_celery) is for_celery


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "$"),
    "no envelope": (b'{"message_id": "m1"}', "$"),
    "a list": (b"[1, 2]", "$"),
    "deep nesting": (b"[" * 200_000, "$"),
    "broken base64": (envelope(body=b"").replace(b'"body": ""', b'"body": "%%%"'), "$"),
    "an unknown encoding": (envelope().replace(b"base64", b"rot13"), "$"),
    "an eta that is no time": (envelope(headers={"eta": "tomorrow"}), "headers"),
    "an eta that Celery cannot reckon with": (envelope(headers={"eta": "9999-12-31T00:00:00Z"}), "headers"),
    "an eta of another type": (envelope(headers={"eta": {"a": 1}}), "$"),
    "no arguments, later": (envelope([[], {}, {}], headers={"eta": "2026-01-31T12:00:00Z"}), "args"),
    "broken compression": (envelope(headers={"compression": "application/x-gzip"}), "body"),
    "unknown compression": (envelope(headers={"compression": "rot13"}), "body"),
    "a bomb": (envelope(zlib.compress(b" " * 70_000_000), headers={"compression": "application/x-gzip"}), "body"),
    "an unknown task": (envelope(headers={"task": "os.system"}), "headers"),
    "no id": (envelope(headers={"id": ""}), "headers"),
    "headers that name nothing": (envelope(headers={"task": "", "id": ""}), "body"),
    "an unknown task of the first protocol": (first_protocol(task="os.system"), "headers"),
    "the first protocol without arguments": (first_protocol(args=[]), "args"),
    "pickle": (envelope(pickle.dumps(BODY), **{"content-type": "application/x-python-serialize"}), "content-type"),
    "yaml": (envelope(b"[]", **{"content-type": "application/x-yaml"}), "content-type"),
    "no arguments": (envelope([[], {}, {}]), "args"),
    "two arguments": (envelope([[DOCUMENT, DOCUMENT], {}, {}]), "args"),
    "another keyword": (envelope([[], {"batch": DOCUMENT}, {}]), "args"),
    "arguments that are no list": (envelope({"args": []}), "body"),
    "arguments that are not JSON": (envelope(b"\x80\x04"), "body"),
}


@pytest.mark.parametrize(("raw", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_it_refuses_what_it_cannot_read(raw: bytes, field: str) -> None:
    refused = opened(raw).refused
    assert refused is not None
    assert refused.field == field


@pytest.mark.parametrize("inner", [b'{"body": "\xff"}', b'{"schedule": 1e400}'], ids=["not UTF-8", "beyond a double"])
def test_it_keeps_from_celery_what_celery_would_drop_or_change(inner: bytes) -> None:
    raw = envelope(b"[[%b], {}, {}]" % inner, headers={"eta": "2026-01-31T12:00:00Z"})
    assert opened(raw) == Opened(document=inner)


@pytest.mark.parametrize("method", ["gzip", "bzip2", "lzma"])
@pytest.mark.parametrize("eta", [None, "2026-01-31T12:00:00+00:00"])
def test_it_unpacks_what_was_compressed(method: str, eta: str | None) -> None:
    packed, name = compress(json.dumps(BODY), method)
    answer = opened(envelope(packed, headers={"compression": name, "eta": eta}))
    if eta is None:
        assert json.loads(answer.document or b"") == DOCUMENT
    else:
        assert handed_in(answer.for_celery) == (DOCUMENT, None, EMBED)
        assert "compression" not in json.loads(answer.for_celery or b"")["headers"]


ODD_HEADERS: dict[str, bytes] = {
    "a lone surrogate": b'"\\ud800"',
    "a number beyond a double": b"1e999",
    "5,000 digits": b"9" * 5000,
    "deep nesting": b"[" * 980 + b"]" * 980,
    "deeper nesting": b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("value", ODD_HEADERS.values(), ids=ODD_HEADERS.keys())
@pytest.mark.parametrize("eta", [None, "2026-01-31T12:00:00+00:00"])
def test_it_never_raises_for_a_header_that_it_does_not_know(value: bytes, eta: str | None) -> None:
    raw = envelope(headers={"eta": eta}).replace(b'"lang": "py"', b'"lang": ' + value)
    assert opened(raw) != Opened()


@pytest.mark.parametrize(
    ("expires", "passed"),
    [
        (None, False),
        ("", False),
        ("2026-01-31T12:00:00+00:00", True),
        ("2026-01-31T12:00:01Z", False),
        ("2026-01-31T13:00:01+01:00", False),
        ("2026-01-31T12:00:00", True),
    ],
)
def test_it_tells_whether_the_end_of_a_task_has_come(expires: str | None, passed: bool) -> None:
    assert has_passed(expires, datetime(2026, 1, 31, 12, tzinfo=UTC)) is passed


def test_it_knows_what_celery_itself_writes() -> None:
    app = Celery("producer", broker="memory://")
    message = app.amqp.as_task_v2("t1", "message.assign", args=(DOCUMENT,), kwargs={})
    headers = TaskHeaders(
        **{name: message.headers[name] for name in TaskHeaders.__struct_fields__ if name in message.headers}
    )
    body = json.dumps(message.body).encode()
    assert json.loads(open_task(headers, "application/json", body, results_kept=False).document or b"") == DOCUMENT
    assert handed(open_task(headers, "application/json", body, results_kept=True).for_celery or b"")[0] == DOCUMENT
