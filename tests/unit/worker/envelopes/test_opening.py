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

from worker.envelopes.callbacks import NOT_ALLOWED
from worker.envelopes.handover import HIDDEN, MOST_LEVELS
from worker.envelopes.opening import Document, ForCelery, Opened, Opener, Refused

DOCUMENT = {"message_id": "m1", "body": "héllo"}
EMBED: dict[str, Any] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
BODY = [[DOCUMENT], {}, EMBED]
HEADERS = {"task": "message.assign", "id": "t1", "lang": "py", "argsrepr": "([SECRET],)", "kwargsrepr": "{}"}


PROPERTIES = {
    "body_encoding": "base64",
    "delivery_tag": "x",
    "delivery_info": {"exchange": "", "routing_key": "smart-assign.messages"},
}


def envelope(body: object = BODY, *, headers: dict[str, Any] | None = None, **fields: Any) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return json.dumps(
        {
            "body": base64.b64encode(raw).decode(),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": HEADERS | (headers or {}),
            "properties": PROPERTIES,
        }
        | fields
    ).encode()


ELSEWHERE = "somewhere.else"
OURS = "smart-assign.dispatch"


def opened(raw: bytes, *, results_kept: bool = False) -> Opened:
    opener = Opener(results_kept=results_kept, callbacks_to=frozenset({ELSEWHERE, OURS}), ours=frozenset({OURS}))
    return opener.open_kombu_message(raw)


def refusal_of(answer: Opened) -> tuple[str, str]:
    assert isinstance(answer, Refused)
    return answer.error.field, answer.error.reason


def document_of(answer: Opened) -> Any:
    assert isinstance(answer, Document)
    return json.loads(answer.content)


def task_of(answer: Opened) -> ForCelery:
    assert isinstance(answer, ForCelery)
    return answer


def handed(answer: Opened) -> tuple[object, str | None, dict[str, Any]]:
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


@pytest.mark.parametrize("compressed", [False, True])
def test_it_skips_the_mark_of_utf_8_before_a_body(compressed: bool) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(BODY).encode()
    headers = {"compression": "application/x-gzip"} if compressed else {}
    assert document_of(opened(envelope(compress(body, "gzip")[0] if compressed else body, headers=headers))) == DOCUMENT


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
    assert handed(answer) == (DOCUMENT, headers.get("expires"), {})
    given = task_of(answer).headers
    assert (given["argsrepr"], given["kwargsrepr"]) == (HIDDEN, HIDDEN)
    assert (given["expires"], given["timelimit"]) == (None, [None, None])
    assert {name: given[name] for name in headers} == headers | ({"expires": None} if "expires" in headers else {})


def test_it_needs_no_celery_for_a_time_limit() -> None:
    assert document_of(opened(envelope(headers={"timelimit": [None, 10]}))) == DOCUMENT


def test_it_hands_over_again_what_celery_enqueues_again() -> None:
    first = task_of(opened(envelope(headers={"eta": LATER, "expires": LATER})))
    again = envelope(first.body, headers=first.headers | {"retries": 1})
    assert handed(opened(again)) == (DOCUMENT, LATER, {})


DEEP = "[" * 900 + "]" * 900


def test_it_hands_over_a_document_as_one_text() -> None:
    raw = f'[[{{"n": {10**30}, "at": {{"__type__": "datetime", "__value__": "x"}}, "deep": {DEEP}}}], {{}}, null]'
    task = task_of(opened(envelope(raw.encode(), headers={"eta": LATER})))
    assert json.loads(task.body)[1]["document"] == raw[2:-12]


@pytest.mark.parametrize(
    "body",
    [
        f'[[{{}}], {{}}, {{"callbacks": [{{"task": "next", "options": {{"queue": "{ELSEWHERE}"}}, "args": {"[" * (MOST_LEVELS + 1)}{"]" * (MOST_LEVELS + 1)}}}]}}]',
    ],
)
def test_it_refuses_callbacks_that_celery_could_not_take_to_its_pool(body: str) -> None:
    assert refusal_of(opened(envelope(body.encode())))[1].endswith("it is nested too deeply")


FOLLOWING = {"task": "next", "options": {"queue": ELSEWHERE}}
WRITTEN = FOLLOWING | {"args": [], "kwargs": {}, "subtask_type": None, "immutable": False, "chord_size": None}
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


@pytest.mark.parametrize("fields", [{"eta": LATER}, {"expires": LATER}, {"retries": 2}, {"callbacks": [FOLLOWING]}])
def test_it_hands_over_the_first_protocol_as_the_second(fields: dict[str, Any]) -> None:
    answer = opened(first_protocol(**fields))
    document, expires, embed = handed(answer)
    assert (document, expires) == (DOCUMENT, fields.get("expires"))
    assert embed == ({"callbacks": [WRITTEN]} if "callbacks" in fields else {})
    headers = task_of(answer).headers
    assert (headers["task"], headers["id"], headers["eta"]) == ("message.assign", "t1", fields.get("eta"))
    assert headers["retries"] == fields.get("retries", 0)


KINDS = ["callbacks", "errbacks", "chain", "chord"]


@pytest.mark.parametrize("embedded", KINDS)
def test_it_gives_to_celery_what_goes_on_where_that_is_allowed(embedded: str) -> None:
    asked = FOLLOWING if embedded == "chord" else [FOLLOWING]
    written = WRITTEN if embedded == "chord" else [WRITTEN]
    assert handed(opened(envelope([[DOCUMENT], {}, {embedded: asked}])))[2] == {embedded: written}


ERRANDS: dict[str, Any] = {
    "no queue": {"task": "next"},
    "another queue": {"task": "next", "options": {"queue": "payments"}},
    "a queue of ours": {"task": "next", "options": {"queue": OURS}},
    "a queue of ours by its routing key": {"task": "next", "options": {"routing_key": OURS, "exchange": ""}},
    "a queue that is an object": {"task": "next", "options": {"queue": {"name": ELSEWHERE}}},
    "a link of a link": FOLLOWING
    | {"options": {"queue": ELSEWHERE, "link": [{"task": "x", "options": {"queue": OURS}}]}},
    "an errback of a link": FOLLOWING | {"options": {"queue": ELSEWHERE, "link_error": [{"task": "x"}]}},
    "a group": FOLLOWING | {"subtask_type": "group", "kwargs": {"tasks": [{"task": "x"}]}},
    "a text": "next",
    "a number": 1,
    "too many": [FOLLOWING] * 101,
    "deep nesting": [[[[]]]],
}


@pytest.mark.parametrize("errand", ERRANDS.values(), ids=ERRANDS.keys())
@pytest.mark.parametrize("embedded", KINDS)
def test_it_refuses_to_run_errands_elsewhere(embedded: str, errand: Any) -> None:
    asked = errand if isinstance(errand, list) else [errand]
    field, reason = refusal_of(opened(envelope([[DOCUMENT], {}, {embedded: asked}])))
    assert (field, reason) == (f"body.{embedded}", NOT_ALLOWED)


def test_it_writes_no_way_of_a_signature_but_its_queue() -> None:
    options = {"queue": ELSEWHERE, "exchange": "amq.topic", "routing_key": OURS, "chord": FOLLOWING, "headers": {}}
    (written,) = handed(opened(envelope([[DOCUMENT], {}, {"callbacks": [FOLLOWING | {"options": options}]}])))[2][
        "callbacks"
    ]
    assert written["options"] == {"queue": ELSEWHERE}


def test_it_refuses_an_answer_to_a_queue_of_ours() -> None:
    raw = envelope(headers={"eta": LATER}, properties=PROPERTIES | {"reply_to": OURS})
    assert refusal_of(opened(raw))[0] == "properties.reply_to"


#: Headers and properties that Celery would use, of types that it cannot take.
UNFIT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "stamped headers that are a number": ({"stamped_headers": 1}, {}),
    "stamps that are a list": ({"stamps": [1]}, {}),
    "a parent that is a list": ({"parent_id": []}, {}),
    "an endless id": ({"root_id": "x" * 256}, {}),
    "a place in a group that is a text": ({"group_index": "first"}, {}),
    "empty delivery info": ({}, {"delivery_info": {}}),
    "no delivery info": ({}, {"delivery_info": None}),
    "delivery info of numbers": ({}, {"delivery_info": {"exchange": 1, "routing_key": 2}}),
    "a reply to an object": ({}, {"reply_to": {}}),
}


@pytest.mark.parametrize(("headers", "properties"), UNFIT.values(), ids=UNFIT.keys())
@pytest.mark.parametrize("asks", [{"eta": "2026-01-31T12:00:00+00:00"}, {"group": "g1"}], ids=["an eta", "a group"])
def test_it_refuses_what_celery_could_not_take(
    headers: dict[str, Any], properties: dict[str, Any], asks: dict[str, Any]
) -> None:
    raw = envelope(headers=headers | asks, properties=PROPERTIES | properties)
    assert refusal_of(opened(raw))[0] == "headers"


@pytest.mark.parametrize(("headers", "properties"), UNFIT.values(), ids=UNFIT.keys())
def test_it_minds_nothing_that_a_plain_message_does_not_need(
    headers: dict[str, Any], properties: dict[str, Any]
) -> None:
    assert document_of(opened(envelope(headers=headers, properties=PROPERTIES | properties))) == DOCUMENT


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
    "an endless id": (envelope(headers={"id": "x" * 256}), "$"),
    "no arguments, later": (envelope([[], {}, {}], headers={"eta": "2026-01-31T12:00:00Z"}), "args"),
    "broken compression": (envelope(headers={"compression": "application/x-gzip"}), "body"),
    "unknown compression": (envelope(headers={"compression": "rot13"}), "body"),
    "a bomb": (envelope(zlib.compress(b" " * 70_000_000), headers={"compression": "application/x-gzip"}), "body"),
    "an unknown task": (envelope(headers={"task": "os.system"}), "headers"),
    "an errand": (envelope([[DOCUMENT], {}, {"chain": [{"task": "next"}]}]), "body.chain"),
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
        assert handed(answer) == (DOCUMENT, None, {})
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
    body = json.dumps(message.body).encode()
    plain, kept = (
        Opener(results_kept=kept).open_delivery(message.headers, "application/json", body, None)
        for kept in (False, True)
    )
    assert document_of(plain) == DOCUMENT
    assert handed(kept)[0] == DOCUMENT
