"""Recipients files as people make them, and as they break them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from core.errors import RefusedError
from tests.support.effort import examples
from worker.sending.encoding import as_utf8
from worker.sending.recipients import (
    LINE_BYTES,
    Addressed,
    ExtendedRecipient,
    Format,
    Hints,
    Position,
    Recipient,
    RecipientsReader,
    Refusal,
    format_of,
    read_layout,
)

AU, GB = "+61491570156", "+447400123456"


def read(content: bytes | str, file_format: Format = Format.CSV, **hints: Any) -> list[Addressed | Refusal]:
    stream = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    return list(RecipientsReader(stream, read_layout(stream, file_format), Hints(**hints)).rows())


def sent(entries: list[Addressed | Refusal]) -> list[dict[str, Any]]:
    rows = [entry.row for entry in entries if isinstance(entry, Addressed)]
    return [{name: value for name, value in asdict(row).items() if value is not None} for row in rows]


def refused(entries: list[Addressed | Refusal]) -> list[tuple[int, str]]:
    return [(entry.line, entry.field) for entry in entries if isinstance(entry, Refusal)]


FILES = [
    pytest.param(f"to\n{AU}\n{GB}\n", id="one column"),
    pytest.param(f"to\n{AU}\n{GB}", id="no line end at the end"),
    pytest.param(f"\ufeffTo\r\n{AU}\r\n{GB}\r\n", id="a byte order mark, CRLF, a capital"),
    pytest.param(f'name;"TO"\nAnn;{AU}\nBob;"{GB}"\n', id="semicolons, quotes, a column that means nothing"),
    pytest.param(f"name\tto\nAnn\t{AU}\n\t{GB}\n", id="tabs"),
    pytest.param(f"to | name\n {AU} | Ann\n{GB}|\n", id="bars and blanks"),
    pytest.param(f"\n\nto,name\n{AU},Ann\n\n,\n{GB}\n", id="blank lines, a short row"),
    pytest.param(f"to,name\n{AU},Ann,,\n{GB},Bob,\n", id="empty cells too many"),
    pytest.param("to\n+61 491 570 156\n0044 7400 123456\n", id="numbers as people write them"),
    pytest.param("to,country\n0491 570 156,au\n07400 123456, uk \n", id="national numbers, countries in the file"),
    pytest.param(f'"first\r\nname";TO\r\nAnn;{AU}\r\n;{GB}\r\n', id="a line end in the name of a column"),
    pytest.param(f"sep=;\r\nto;name\r\n{AU};Ann, Mrs\r\n{GB}\r\n", id="a spreadsheet's word for its delimiter"),
]


@pytest.mark.parametrize("content", FILES)
def test_it_reads_a_csv_file(content: str) -> None:
    entries = read(content)
    assert refused(entries) == []
    assert [entry.country for entry in entries if isinstance(entry, Addressed)] == ["AU", "GB"]
    assert [row["to"] for row in sent(entries)] == [AU, GB]


def test_it_reads_what_a_row_has_of_its_own() -> None:
    head = "custom_string,body,to,message_id\n"
    assert sent(read(head + f' 7 ,"Dear ""Ann"",\r\nhello; bye ",{AU}, m1 \n,  ,{GB},\n')) == [
        {"to": AU, "custom_string": " 7 ", "body": 'Dear "Ann",\r\nhello; bye ', "message_id": "m1"},
        {"to": GB},
    ]


def test_it_passes_through_what_it_does_not_know() -> None:
    entries = read(f'First  Name,to,"Lo\nyalty",body,,sender_id\nAnn,{AU},gold,Hi,x,\n,{GB},,,,\n')
    assert [type(entry.row) for entry in entries if isinstance(entry, Addressed)] == [ExtendedRecipient, Recipient]
    assert sent(entries)[0] == {"to": AU, "body": "Hi", "extra": {"First Name": "Ann", "Lo yalty": "gold"}}


class Pipe(io.BytesIO):
    """What cannot be read twice."""

    def seekable(self) -> bool:
        return False

    def peek(self, size: int) -> bytes:
        return self.getvalue()[self.tell() :][:size]


ENCODED = [
    pytest.param("utf-16", None, id="UTF-16 with its mark"),
    pytest.param("utf-32", None, id="UTF-32 with its mark"),
    pytest.param("utf-16-be", "UTF-16BE", id="UTF-16 without one, named"),
    pytest.param("cp1252", "windows-1252", id="Windows"),
    pytest.param("utf-8-sig", "utf8", id="UTF-8, named"),
]


@pytest.mark.parametrize(("written", "named"), ENCODED)
@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
def test_it_reads_other_encodings(written: str, named: str | None, kind: type[io.BytesIO]) -> None:
    content = f"to\tbody\r\n{AU}\tGrüße für 5 €\r\n{GB}\tb".encode(written)
    with as_utf8(kind(content), named) as stream:
        entries = list(RecipientsReader(stream, read_layout(stream, Format.CSV), Hints()).rows())
    assert [row["body"] for row in sent(entries)] == ["Grüße für 5 €", "b"]


def test_it_refuses_what_is_not_in_the_encoding_and_no_other_row() -> None:
    content = f"to,body\n{AU},".encode() + b"\x81\n" + f"{GB},b\n".encode()
    with as_utf8(io.BytesIO(content), "cp1252") as stream:
        entries = list(RecipientsReader(stream, read_layout(stream, Format.CSV), Hints()).rows())
    assert (refused(entries), [row["to"] for row in sent(entries)]) == ([(2, "$")], [GB])


@pytest.mark.parametrize("name", ["klingon", "base64", "\x00", ""])
def test_it_refuses_an_encoding_that_is_none(name: str) -> None:
    with pytest.raises(RefusedError, match="no encoding"):
        as_utf8(io.BytesIO(b"to\n"), name)


@pytest.mark.parametrize("content", [b'[{"to": "1"}]', b"\xef\xbb\xbf\r\n [\n{}\n]"])
def test_it_refuses_a_list_as_json_lines(content: bytes) -> None:
    with pytest.raises(RefusedError, match="JSON list"):
        read_layout(io.BytesIO(content), Format.JSONL)


def test_it_reads_no_further_than_it_is_told() -> None:
    whole = f"to,body\n{AU},a\n{GB},b".encode()
    stream = io.BytesIO(whole + f"ye\n{AU},later\n".encode())
    reader = RecipientsReader(stream, read_layout(stream, Format.CSV), Hints(), end=len(whole))
    assert [row["body"] for row in sent(list(reader.rows()))] == ["a", "b"]
    assert reader.position == Position(len(whole), 3)


ROWS = [
    pytest.param(",x", "to", id="no number"),
    pytest.param("12,x", "to", id="nonsense"),
    pytest.param("6.14916E+10,x", "to", id="rounded by a spreadsheet"),
    pytest.param("+6149157015612345,x", "to", id="too long a number"),
    pytest.param(f"{AU},{'x' * 1601}", "body", id="too long a body"),
    pytest.param(f"{AU},hello, world", "$", id="a comma without quotes"),
    pytest.param(f'{AU},"hello" world', "$", id="text behind a quotation"),
    pytest.param(f'{AU},"hello', "$", id="a quotation that never ends"),
]


@pytest.mark.parametrize(("row", "field"), ROWS)
def test_it_refuses_a_row_and_reads_on(row: str, field: str) -> None:
    entries = read(f'to,body\n{GB},"two\nlines"\n{row}\n{AU},b\n{GB},c\n')
    assert refused(entries) == [(4, field)]
    assert [row["body"] for row in sent(entries)] == ["two\nlines", "b", "c"]


def test_it_takes_a_rounded_number_for_none_whatever_the_country() -> None:
    assert refused(read("to\n6.14916E+10\n4.9157E10\n", country="AU")) == [(2, "to"), (3, "to")]


def test_it_refuses_a_line_that_is_not_utf8_and_one_that_is_endless() -> None:
    endless = b"x" * (2 * LINE_BYTES + 5)
    content = b"to,body\n" + f"{AU},a\n".encode() + b"\xff,b\n" + endless + b"\n" + f"{GB},c\n".encode()
    entries = read(content)
    assert refused(entries) == [(3, "$"), (4, "$")]
    assert [row["body"] for row in sent(entries)] == ["a", "c"]


def test_it_refuses_an_endless_line_within_a_quotation_once() -> None:
    content = f'to,body\n{AU},"a\n'.encode() + b"x" * (LINE_BYTES + 5) + b"\n" + f"{GB},c\n".encode()
    entries = read(content)
    assert refused(entries) == [(2, "$"), (3, "$")]
    assert [row["to"] for row in sent(entries)] == [GB]


def test_it_asks_for_a_body_somewhere() -> None:
    entries = read(f"to,body\n{AU},\n{GB},b\n", has_body=False)
    assert (refused(entries), len(sent(entries))) == ([(2, "body")], 1)


NO_FILES = [
    pytest.param(b"", "empty", id="nothing"),
    pytest.param(b"\n\n", "empty", id="blank lines"),
    pytest.param(b"number,name\n1,2\n", "no column `to`", id="no such column"),
    pytest.param(b"to,To\n1,2\n", "two columns `to`", id="the column twice"),
    pytest.param(b"to,\xfc\n1,2\n", "not UTF-8: name its encoding", id="Latin-1"),
    pytest.param(b'"name,to\n1,2\n', "no column `to`", id="a quotation that never ends"),
    pytest.param(b"to,Name,Name\n1,2,3\n", "two columns `Name`", id="another column twice"),
    pytest.param(b"to\r+61491570156\r", "carriage return", id="carriage returns alone"),
]


@pytest.mark.parametrize(("content", "words"), NO_FILES)
def test_it_refuses_a_file_that_is_none(content: bytes, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        read_layout(io.BytesIO(content), Format.CSV)


def test_it_reads_json_lines_with_what_it_does_not_know() -> None:
    lines = [{"to": AU, "body": "a", "vip": True}, {"to": "0491570156", "country": "au"}, {"to": GB, "country": "UK"}]
    entries = read("\ufeff" + "\r\n\r\n".join(map(json.dumps, lines)), Format.JSONL)
    assert [row["to"] for row in sent(entries)] == [AU, AU, GB]
    first = entries[0]
    assert isinstance(first, Addressed)
    assert isinstance(first.row, ExtendedRecipient)
    assert first.row.extra == {"vip": True}


def test_it_refuses_json_lines_by_field() -> None:
    lines = ['{"to": 5}', '{"body": "x"}', "[1]", "{", '{"to": "+1"}', json.dumps({"to": AU, "message_id": ""})]
    entries = read("\n".join(lines), Format.JSONL)
    assert refused(entries) == [(1, "to"), (2, "to"), (3, "$"), (4, "$"), (5, "to"), (6, "message_id")]


NAMES = {"a.csv": Format.CSV, "a.JSONL": Format.JSONL, "a.ndjson": Format.JSONL, "a.txt": Format.CSV, "-": Format.CSV}


@pytest.mark.parametrize("name", NAMES)
def test_it_tells_the_format_by_the_name(name: str) -> None:
    assert format_of(name) is NAMES[name]


_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=30)


@examples(100)
@given(
    st.lists(st.tuples(st.sampled_from([AU, GB, "", "12"]), _TEXTS), max_size=12),
    st.sampled_from(",;\t|"),
    st.integers(0, 11),
)
def test_it_goes_on_behind_any_row_as_if_it_had_never_stopped(
    rows: list[tuple[str, str]], delimiter: str, stop: int
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(("to", "body"))
    writer.writerows(rows)
    stream = io.BytesIO(text.getvalue().encode())
    layout = read_layout(stream, Format.CSV)
    reader, whole, stops = RecipientsReader(stream, layout, Hints()), [], [layout.start]
    for entry in reader.rows():
        whole.append(entry)
        stops.append(reader.position)
    at = min(stop, len(whole))
    stream.seek(stops[at].offset)
    assert list(RecipientsReader(stream, layout, Hints(), Position(*stops[at])).rows()) == whole[at:]
    assert [e.row.body or "" for e in whole if isinstance(e, Addressed)] == [
        "" if body.isspace() else body for to, body in rows if to in (AU, GB)
    ]
