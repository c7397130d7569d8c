"""Lines of a message file: which are taken, which are refused, and how each is numbered."""

from __future__ import annotations

import io

import pytest

from core.encoding import encode_json
from worker.handoff.producer import TRIP_DOCUMENTS, in_trips
from worker.sending.message_lines import read_lines

GOOD = encode_json({"message_id": "m1", "account_id": "acme", "to": "+61491570156", "body": "Hello"})
LONG = GOOD[:-1] + b',"filler":"' + b"x" * 3_000_000 + b'"}'

FILES = [
    pytest.param(b"", [], id="an empty file"),
    pytest.param(b"\n \r\n\t\n", [], id="blank lines only"),
    pytest.param(GOOD, [(1, "")], id="no newline at the end"),
    pytest.param(b"\xef\xbb\xbf" + GOOD + b"\r\n", [(1, "")], id="a byte order mark and CRLF"),
    pytest.param(b"\n" + GOOD + b"\n\n" + GOOD + b"\n", [(2, ""), (4, "")], id="blank lines count"),
    pytest.param(b"{\n" + GOOD, [(1, "$"), (2, "")], id="broken JSON"),
    pytest.param(b"[1]\n", [(1, "$")], id="no object"),
    pytest.param(LONG + b"\n" + GOOD, [(1, "$"), (2, "")], id="a line too long, then a good one"),
    pytest.param(LONG, [(1, "$")], id="a line too long at the end"),
    pytest.param(b'{"account_id":"acme"}', [(1, "message_id"), (1, "to"), (1, "body")], id="three fields missing"),
]


@pytest.mark.parametrize(("content", "expected"), FILES)
def test_it_takes_or_refuses_each_line_by_number(content: bytes, expected: list[tuple[int, str]]) -> None:
    found = []
    for line in read_lines(io.BytesIO(content), max_bytes=1000):
        found += [(line.number, error.field) for error in line.errors] or [(line.number, "")]
    assert found == expected


def test_it_counts_every_byte_for_the_progress() -> None:
    content = GOOD + b"\r\n" + LONG + b"\n{\n"
    assert sum(line.size for line in read_lines(io.BytesIO(content), max_bytes=1000)) == len(content)


def test_it_keeps_a_document_as_it_was_written() -> None:
    spaced = b'{"message_id": "m1",  "account_id": "acme", "to": "+61491570156", "body": "Hi", "extra": 1.50}'
    assert [line.document for line in read_lines(io.BytesIO(b"  " + spaced + b" \n"), max_bytes=1000)] == [spaced]


SIZES = [
    pytest.param([], [], id="nothing"),
    pytest.param([1] * TRIP_DOCUMENTS, [TRIP_DOCUMENTS], id="one full trip"),
    pytest.param([1] * (TRIP_DOCUMENTS + 1), [TRIP_DOCUMENTS, 1], id="one more"),
    pytest.param([5_000_000] * 5, [2, 2, 1], id="by bytes"),
]


@pytest.mark.parametrize(("sizes", "expected"), SIZES)
def test_it_carries_what_fits_in_a_trip(sizes: list[int], expected: list[int]) -> None:
    assert [len(trip) for trip in in_trips(sizes, lambda size: size)] == expected
