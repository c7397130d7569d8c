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
from worker.sending.encoding import as_utf8, refuse_foreign
from worker.sending.layout import Format, format_of, read_layout
from worker.sending.lines import LINE_BYTES, Position
from worker.sending.recipients import Addressed, ExtendedRecipient, Hints, Recipient, RecipientsReader, Refusal

AU, GB = "+61491570156", "+447400123456"


class Pipe(io.BytesIO):
    """What cannot be read twice."""

    def seekable(self) -> bool:
        return False

    def peek(self, size: int) -> bytes:
        return self.getvalue()[self.tell() :][:size]


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


def test_it_keeps_a_column_that_comes_again_under_a_name_of_its_own() -> None:
    first = sent(read(f"Tag,to,Tag,Tag 2,Tag\na,{AU},b,c,d\n"))[0]
    assert first["extra"] == {"Tag": "a", "Tag 3": "b", "Tag 2": "c", "Tag 4": "d"}


TELEPHONES = [
    "phone", "Phone Number", "PHONE_NUMBER", "phoneNumber", "Mobile", "Phone 1 - Value", "Telefon", "Handynummer", "Tel.",
    "N° de téléphone", "Téléphone portable", "Móvil", "Celular", "Número de Teléfono", "Telemóvel", "Cellulare",
    "Telefoonnummer", "Mobilnummer", "Matkapuhelin", "Numer telefonu", "Telefonní číslo", "Номер телефона", "Κινητό",
    "Cep Telefonu", "رقم الهاتف", "טלפון", "मोबाइल नंबर", "เบอร์โทร", "Số điện thoại", "Nomor HP", "手机号码", "電話番号",
    "휴대폰 번호", "MSISDN",
]  # fmt: skip


@pytest.mark.parametrize("name", TELEPHONES)
def test_it_takes_the_only_column_that_is_plainly_the_telephone(name: str) -> None:
    content = f"Name;{name};Phone 1 - Label\nAnn;{AU};Home\n".encode()
    stream = io.BytesIO(content)
    layout = read_layout(stream, Format.CSV)
    assert layout.column == name
    rows = sent(list(RecipientsReader(stream, layout, Hints()).rows()))
    assert rows == [{"to": AU, "extra": {"Name": "Ann", "Phone 1 - Label": "Home"}}]


@pytest.mark.parametrize("name", ["number", "Fax", "Phone 1 - Type", "Email", "Customer", "SMS", "id", "PLZ", "CEP"])
def test_it_takes_no_other_column_for_the_telephone(name: str) -> None:
    with pytest.raises(RefusedError, match="no column `to`; --column names"):
        read_layout(io.BytesIO(f"{name},Name\n{AU},Ann\n".encode()), Format.CSV)


NAMED = [
    pytest.param("number,to\n{AU},{GB}\n", "number", [AU], id="though there is a column `to`"),
    pytest.param("phone,Mobile;no\n", "Mobile;no", [], id="a name that holds a delimiter"),
    pytest.param("Home Phone\tWork Phone\n{AU}\t{GB}\n", " work  phone ", [GB], id="in another case"),
    pytest.param("ID,id\n{AU},{GB}\n", "id", [GB], id="as it is written before other cases"),
    pytest.param("body,phone\n{AU},{GB}\n", "BODY", [AU], id="one that means something else"),
    pytest.param("to,phone\n{AU},{GB}\n", "To", [AU], id="the usual one"),
]


@pytest.mark.parametrize(("content", "column", "numbers"), NAMED)
def test_it_takes_the_column_that_is_named(content: str, column: str, numbers: list[str]) -> None:
    stream = io.BytesIO(content.format(AU=AU, GB=GB).encode())
    layout = read_layout(stream, Format.CSV, column)
    rows = sent(list(RecipientsReader(stream, layout, Hints()).rows()))
    assert [row["to"] for row in rows] == numbers
    assert [name for row in rows for name in row.get("extra", {}) if name == "to"] == []


@pytest.mark.parametrize(
    ("column", "words"),
    [
        pytest.param("mobile", "no column `mobile`: its first line is", id="none"),
        pytest.param("PHONE", "several columns of that name: `Phone`, `phone`", id="two in other cases"),
    ],
)
def test_it_refuses_a_named_column(column: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        read_layout(io.BytesIO(b"Phone,phone\n1,2\n"), Format.CSV, column)


def test_it_reads_the_named_field_of_json_lines() -> None:
    lines = [{"phone": AU, "vip": 1, "to": "nobody"}, {"to": AU}, {"phone": 61491570156}, []]
    stream = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
    entries = list(RecipientsReader(stream, read_layout(stream, Format.JSONL, "phone"), Hints()).rows())
    assert sent(entries) == [{"to": AU, "extra": {"vip": 1}}]
    assert refused(entries) == [(2, "to"), (3, "to"), (4, "$")]


FOREIGN = [
    pytest.param("to\n1\n".encode("utf-16-le"), "UTF-16 without its mark: give --encoding utf-16-le", id="UTF-16 LE"),
    pytest.param("téléphone;nom\n1;é\n".encode("utf-16-be"), "give --encoding utf-16-be", id="UTF-16 BE"),
    pytest.param(b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml", "Excel workbook .* --format xlsx", id="renamed"),
    pytest.param(
        b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "OpenDocument", id="ODS"
    ),
    pytest.param(b"PK\x03\x04" + b"\0" * 26 + b"r.csv", "a zip file: unpack it", id="zip"),
    pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"old form \(.xls\), or one with a password", id="old workbook"),
    pytest.param(b"\x1f\x8b\x08", "gzip", id="gzip"),
    pytest.param(b"\r\n<HTML><table>", "HTML under another name", id="HTML"),
]


@pytest.mark.parametrize(("content", "words"), FOREIGN)
@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
def test_it_names_what_is_no_such_file(content: bytes, words: str, kind: type[io.BytesIO]) -> None:
    def read_it(stream: io.BytesIO) -> None:
        refuse_foreign(stream, as_workbook=False)
        as_utf8(stream, None)

    with pytest.raises(RefusedError, match=words):
        read_it(kind(content))


def test_it_says_of_text_that_it_is_no_workbook() -> None:
    with pytest.raises(RefusedError, match="no Excel workbook"):
        refuse_foreign(io.BytesIO(b"to\n1\n"), as_workbook=True)


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
    pytest.param(b"to,body,Body\n1,2,3\n", "two columns `body`", id="a column that means something twice"),
    pytest.param(b"Phone,Mobile\n1,2\n", "`Phone`, `Mobile`; name one with --column", id="two that look like it"),
    pytest.param(b"phone,Phone\n1,2\n", "`phone`, `Phone`; name one with --column", id="two spellings of one"),
    pytest.param(b"Phone;Phone\n1;2\n", "two columns `Phone`", id="the telephone twice"),
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
    lines = ['{"to": 5}', '{"body": "x"}', "[1]", "{", '{"to": "+1"}', json.dumps({"to": AU, "message_id": 7})]
    entries = read("\n".join(lines), Format.JSONL)
    assert refused(entries) == [(1, "to"), (2, "to"), (3, "$"), (4, "$"), (5, "to"), (6, "message_id")]


def test_it_reads_empty_optional_fields_of_json_lines_as_null() -> None:
    empty = dict.fromkeys(("message_id", "body", "country", "custom_string"), "")
    (found,) = read(json.dumps({"to": AU} | empty), Format.JSONL)
    assert isinstance(found, Addressed)
    assert {name: getattr(found.row, name) for name in empty} == dict.fromkeys(empty)


NAMES = {
    "a.csv": Format.CSV,
    "a.JSONL": Format.JSONL,
    "a.ndjson": Format.JSONL,
    "a.txt": Format.CSV,
    "-": Format.CSV,
    "a.XLSX": Format.XLSX,
    "a.xls": Format.CSV,
}


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
