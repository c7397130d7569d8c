"""One number in documents of every kind: found however it is spelled, and nothing else is touched."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from core.erasures.traces import ERASED_RECIPIENT, without
from core.phone import NumberSearch

GERMAN, AUSTRALIAN = "+4915112345678", "+61491570156"


def encoded(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def message(to: object, **more: Any) -> bytes:
    return encoded({"message_id": "m1", "account_id": "acme", "to": to, "body": "Hello"} | more)


def wide(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


SPELLINGS = {
    "E.164": "+4915112345678",
    "with blanks": "+49 151 123 456 78",
    "with a zero in brackets": "+49 (0)151-12345678",
    "with 00": "004915112345678",
    "without a plus": "4915112345678",
    "a spreadsheet's decimal": "4915112345678.0",
    "a spreadsheet's text": '="+4915112345678"',
    "a link": "tel:+4915112345678",
    "Arabic digits": "+٤٩١٥١١٢٣٤٥٦٧٨",
    "wide digits and narrow blanks": wide("+49") + "\u202f" + wide("15112345678"),
    "two numbers in one text": "+4915112345678, +61491570156",
}


@pytest.mark.parametrize("to", SPELLINGS.values(), ids=SPELLINGS)
def test_it_empties_a_message_however_its_number_is_spelled(to: str) -> None:
    assert without(message(to), NumberSearch(GERMAN)).document == b""


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(message("0151 12345678", country="DE"), id="national"),
        pytest.param(message(4915112345678), id="a number of JSON"),
        pytest.param(message(AUSTRALIAN, body="call me: 0151/12345678"), id="in another's text"),
        pytest.param(message(AUSTRALIAN, deep={"er": [["+49 151 12345678"]]}), id="deep in an unknown field"),
        pytest.param(b"{'to': '+49 151 12345678'}", id="not JSON"),
        pytest.param(b"\xff\xfe +4915112345678 \xff", id="not UTF-8"),
        pytest.param(message(AUSTRALIAN)[:-1] + b', "to": "\\u002b4915112345678"}', id="with escapes of JSON"),
        pytest.param(
            encoded({"body": base64.b64encode(b'[[{"to": "+4915112345678"}]]').decode(),
                     "properties": {"body_encoding": "base64"}}),
            id="a task message",
        ),
        pytest.param(
            encoded(["prk_1", "EXPIRED", 7, {"country": "DE", "recipients": [{"to": "015112345678"}]}]),
            id="one recipient of a batch",
        ),
    ],
)  # fmt: skip
def test_it_finds_the_number_wherever_it_stands(document: bytes) -> None:
    assert without(document, NumberSearch(GERMAN)).document == b""


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(message(AUSTRALIAN), id="another's message"),
        pytest.param(message("+49151123456789"), id="a longer number"),
        pytest.param(message("+4815112345678"), id="the same national number elsewhere"),
        pytest.param(message("+48 151 123 456 78"), id="the same elsewhere, with blanks"),
        pytest.param(message(AUSTRALIAN, body="call +48 151 123 456 78"), id="the same elsewhere, in a text"),
        pytest.param(message("0612345678", country="FR"), id="another country's national number"),
        pytest.param(message(AUSTRALIAN, body="order 9915112345678"), id="digits within a longer run"),
        pytest.param(b"", id="emptied before"),
        pytest.param(b"null", id="null"),
        pytest.param(encoded({"recipients": []}), id="no recipients"),
    ],
)  # fmt: skip
def test_it_leaves_everything_else_to_the_byte(document: bytes) -> None:
    found = without(document, NumberSearch(GERMAN))
    assert (found.document, found.recipients, found.readable) == (document, 0, True)


def test_it_takes_one_recipient_out_of_a_batch_and_the_others_keep_their_places() -> None:
    batch = {"account_id": "acme", "country": "DE", "body": "Hello", "extra": [1.50]}
    recipients = [{"to": AUSTRALIAN}, {"to": "0151 12345678", "message_id": "m9"}, {"to": AUSTRALIAN, "country": "AU"}]
    found = without(encoded(batch | {"recipients": recipients}), NumberSearch(GERMAN))
    assert found.recipients == 1
    assert json.loads(found.document) == batch | {"recipients": [recipients[0], ERASED_RECIPIENT, recipients[2]]}


def test_it_empties_a_batch_of_which_nothing_would_be_left() -> None:
    batch = {"account_id": "acme", "recipients": [{"to": GERMAN}, {"to": GERMAN}]}
    assert without(encoded(batch), NumberSearch(GERMAN)).document == b""


def test_it_reads_a_number_that_is_written_as_a_power_of_ten() -> None:
    assert without(b'{"to": 4.915112345e12}', NumberSearch("+4915112345000")).document == b""


def test_it_says_what_it_could_not_look_into() -> None:
    assert not without(b"\x89\x00\xff", NumberSearch(GERMAN)).readable
    packed = {"body": base64.b64encode(b"\x78\x9c\xff\xfe").decode(), "properties": {"body_encoding": "base64"}}
    assert not without(encoded(packed), NumberSearch(GERMAN)).readable


def test_it_is_not_ended_by_deep_nesting() -> None:
    deep = b"[" * 900 + b'"+4915112345678"' + b"]" * 900
    assert without(deep, NumberSearch(GERMAN)).document == b""


@pytest.mark.parametrize(
    ("short", "text"), [("+2905123", "order 5123 of 2026"), ("+683 4002".replace(" ", ""), "4002")]
)
def test_it_looks_for_a_short_number_with_its_calling_code_alone(short: str, text: str) -> None:
    assert without(message(AUSTRALIAN, body=text), NumberSearch(short)).document
    assert without(message(short), NumberSearch(short)).document == b""
