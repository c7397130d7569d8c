"""Task messages opened: what is taken out of tasks that clients send with Celery, given to Celery, or refused."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from typing import Any

import pytest
from celery import Celery
from kombu.compression import compress

from worker.envelopes.handover import HIDDEN, MOST_LEVELS
from worker.envelopes.opening import Document, ForCelery, Opened, Opener, Refused
from worker.envelopes.task_messages import TaskHeaders

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
    return Opener(results_kept=results_kept).open_kombu_message(raw)


def document_of(answer: Opened) -> Any:
    assert isinstance(answer, Document)
    return json.loads(answer.content)


def task_of(answer: Opened) -> ForCelery:
    assert isinstance(answer, ForCelery)
    return answer


def handed(answer: Opened) -> tuple[object, str | None, object]:
    """The document, the end and the callbacks of a task as Celery gets it."""
    args, kwargs, embed = json.loads(task_of(answer).body)
    assert args == []
    return json.loads(kwargs["document"].encode("latin-1")), kwargs.get("expires"), embed


def test_it_takes_the_document_out_of_the_arguments() -> None:
    assert document_of(opened(envelope())) == DOCUMENT


def test_it_takes_the_document_out_of_the_keyword_arguments() -> None:
    assert document_of(opened(envelope([[], {"message": DOCUMENT}, {}]))) == DOCUMENT


def test_it_takes_a_text_body() -> None:
    raw = envelope(body=b"").replace(b'"body": ""', b'"body": ' + json.dumps(json.dumps(BODY)).encode())
    assert document_of(opened(raw.replace(b"base64", b"utf-8"))) == DOCUMENT


LATER = "2026-01-31T12:00:00+00:00"
NEEDING: dict[str, dict[str, Any]] = {
    "eta": {"eta": LATER},
    "expires": {"expires": LATER},
    "a group": {"group": "g1"},
    "a retry": {"retries": 1},
}


@pytest.mark.parametrize("headers", NEEDING.values(), ids=NEEDING.keys())
def test_it_gives_to_celery_what_only_celery_can_do(headers: dict[str, Any]) -> None:
    answer = opened(envelope(headers=headers | {"timelimit": [1, 1]}))
    assert handed(answer) == (DOCUMENT, headers.get("expires"), EMBED)
    given = task_of(answer).headers
    assert (given["argsrepr"], given["kwargsrepr"]) == (HIDDEN, HIDDEN)
    assert (given["expires"], given["timelimit"]) == (None, [None, None])
    assert {name: given[name] for name in headers} == headers | ({"expires": None} if "expires" in headers else {})


def test_it_needs_no_celery_for_a_time_limit() -> None:
    assert document_of(opened(envelope(headers={"timelimit": [None, 10]}))) == DOCUMENT


def test_it_hands_over_again_what_celery_enqueues_again() -> None:
    first = task_of(opened(envelope(headers={"eta": LATER, "expires": LATER})))
    again = envelope(first.body, headers=first.headers | {"retries": 1})
    assert handed(opened(again)) == (DOCUMENT, LATER, EMBED)


DEEP = "[" * 900 + "]" * 900


def test_it_hands_over_a_document_as_one_text() -> None:
    raw = f'[[{{"n": {10**30}, "at": {{"__type__": "datetime", "__value__": "x"}}, "deep": {DEEP}}}], {{}}, null]'
    task = task_of(opened(envelope(raw.encode(), headers={"eta": LATER})))
    assert json.loads(task.body)[1]["document"] == raw[2:-12]


@pytest.mark.parametrize(
    "body",
    [
        f'[[{{}}], {{}}, {{"callbacks": {"[" * (MOST_LEVELS + 1)}{"]" * (MOST_LEVELS + 1)}}}]',
        f'[[{{}}], {{}}, {{"chord": {DEEP}}}]',
    ],
)
def test_it_refuses_callbacks_that_celery_could_not_take_to_its_pool(body: str) -> None:
    refused = opened(envelope(body.encode()))
    assert isinstance(refused, Refused)
    assert refused.error.reason.endswith("it is nested too deeply")


FIRST_PROTOCOL: dict[str, Any] = (
    {"task": "message.assign", "id": "t1", "args": [DOCUMENT], "kwargs": {}, "retries": 0}
    | {"expires": None, "eta": None, "utc": True, "callbacks": None, "errbacks": None, "timelimit": [None, None]}
    | {"taskset": None, "chord": None}
)


def first_protocol(**fields: Any) -> bytes:
    return json.dumps(json.loads(envelope(FIRST_PROTOCOL | fields)) | {"headers": {}}).encode()


def test_it_reads_the_first_protocol_of_celery() -> None:
    assert document_of(opened(first_protocol())) == DOCUMENT
    named = first_protocol(args=[], kwargs={"message": DOCUMENT})
    assert document_of(opened(named)) == DOCUMENT


@pytest.mark.parametrize(
    "fields", [{"eta": LATER}, {"expires": LATER}, {"retries": 2}, {"callbacks": [{"task": "next"}]}]
)
def test_it_hands_over_the_first_protocol_as_the_second(fields: dict[str, Any]) -> None:
    answer = opened(first_protocol(**fields))
    document, expires, embed = handed(answer)
    assert (document, expires) == (DOCUMENT, fields.get("expires"))
    assert embed == {"callbacks": fields.get("callbacks"), "errbacks": None, "chord": None}
    headers = task_of(answer).headers
    assert (headers["task"], headers["id"], headers["eta"]) == ("message.assign", "t1", fields.get("eta"))
    assert headers["retries"] == fields.get("retries", 0)


@pytest.mark.parametrize("embedded", ["callbacks", "errbacks", "chain", "chord"])
def test_it_gives_to_celery_what_goes_on_afterwards(embedded: str) -> None:
    assert isinstance(opened(envelope([[DOCUMENT], {}, {embedded: [{"task": "next"}]}])), ForCelery)


@pytest.mark.parametrize(
    ("ignored", "kept", "for_celery"),
    [(True, True, False), (False, True, True), (None, True, True), (False, False, False), (None, False, False)],
)
def test_it_gives_to_celery_a_task_whose_result_is_kept(ignored: bool | None, kept: bool, for_celery: bool) -> None:
    answer = opened(envelope(headers={"ignore_result": ignored}), results_kept=kept)
    assert isinstance(answer, ForCelery) is for_celery


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
    refused = opened(raw)
    assert isinstance(refused, Refused)
    assert refused.error.field == field


@pytest.mark.parametrize("inner", [b'{"body": "\xff"}', b'{"schedule": 1e400}'], ids=["not UTF-8", "beyond a double"])
def test_it_keeps_from_celery_what_celery_would_drop_or_change(inner: bytes) -> None:
    raw = envelope(b"[[%b], {}, {}]" % inner, headers={"eta": "2026-01-31T12:00:00Z"})
    assert opened(raw) == Document(inner)


@pytest.mark.parametrize("method", ["gzip", "bzip2", "lzma"])
@pytest.mark.parametrize("eta", [None, "2026-01-31T12:00:00+00:00"])
def test_it_unpacks_what_was_compressed(method: str, eta: str | None) -> None:
    packed, name = compress(json.dumps(BODY), method)
    answer = opened(envelope(packed, headers={"compression": name, "eta": eta}))
    if eta is None:
        assert document_of(answer) == DOCUMENT
    else:
        assert handed(answer) == (DOCUMENT, None, EMBED)
        assert "compression" not in task_of(answer).headers


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
    assert isinstance(opened(raw), Refused | (Document if eta is None else ForCelery))


def test_it_knows_what_celery_itself_writes() -> None:
    app = Celery("producer", broker="memory://")
    message = app.amqp.as_task_v2("t1", "message.assign", args=(DOCUMENT,), kwargs={})
    headers = TaskHeaders(
        **{name: message.headers[name] for name in TaskHeaders.__struct_fields__ if name in message.headers}
    )
    body = json.dumps(message.body).encode()
    plain, kept = (Opener(results_kept=kept).open_task(headers, "application/json", body) for kept in (False, True))
    assert document_of(plain) == DOCUMENT
    assert handed(kept)[0] == DOCUMENT
