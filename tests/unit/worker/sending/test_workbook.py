"""Workbooks as spreadsheets write them, and as they come damaged or with harm in mind."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import pytest
from msgspec.structs import asdict

from core.errors import RefusedError
from tests.support.workbooks import texts, workbook
from worker.sending.layout import Format, read_layout
from worker.sending.lines import LINE_BYTES, Position
from worker.sending.recipients import Addressed, Hints, RecipientsReader, Refusal
from worker.sending.workbook import copied_sheet

AU, GB = "+61491570156", "+447400123456"


def read(content: bytes, column: str | None = None, **hints: Any) -> list[Addressed | Refusal]:
    with copied_sheet(io.BytesIO(content)).stream as stream:
        return list(RecipientsReader(stream, read_layout(stream, Format.XLSX, column), Hints(**hints)).rows())


def sent(entries: list[Addressed | Refusal]) -> list[dict[str, Any]]:
    rows = [entry.row for entry in entries if isinstance(entry, Addressed)]
    return [{name: value for name, value in asdict(row).items() if value is not None} for row in rows]


def refused(entries: list[Addressed | Refusal]) -> list[tuple[int, str]]:
    return [(entry.line, entry.field) for entry in entries if isinstance(entry, Refusal)]


def test_it_reads_texts_as_texts_and_tells_rows_by_their_numbers() -> None:
    rows = (
        texts(3, "To", "body", "Name")
        + texts(7, AU, ' Hi,\n"you" ', "Ann")
        + texts(9, "nobody", "", "")
        + texts(12, GB)
    )
    entries = read(workbook(rows))
    assert sent(entries) == [{"to": AU, "body": ' Hi,\n"you" ', "extra": {"Name": "Ann"}}, {"to": GB}]
    assert refused(entries) == [(9, "to")]


CELLS = [
    pytest.param("<c><v>61491570156</v></c>", "61491570156", id="a number"),
    pytest.param("<c><v>6.1491570156E10</v></c>", "61491570156", id="a number with an exponent, all digits kept"),
    pytest.param("<c><v>61491570156.0</v></c>", "61491570156", id="a number with a point"),
    pytest.param("<c><v>6.14915701561E10</v></c>", "61491570156.1", id="a fraction"),
    pytest.param("<c><v>12.300000000000001</v></c>", "12.3", id="a fraction as a spreadsheet shows it"),
    pytest.param("<c><v>1.5E+21</v></c>", "1.5e+21", id="a number whose digits are lost"),
    pytest.param("<c><v>1E-7</v></c>", "1e-07", id="a very small one"),
    pytest.param('<c t="s"><v>1</v></c>', "Käthe & Söhne", id="a shared text, in several runs"),
    pytest.param('<c t="s"><v> 2 </v></c>', "東京", id="a shared text without its pronunciation"),
    pytest.param('<c t="str"><f>A1&amp;"x"</f><v>+61 491</v></c>', "+61 491", id="what a formula came to"),
    pytest.param('<c t="str"><v>a_x000D_b_xD800_</v></c>', "a\rb_xD800_", id="an escape"),
    pytest.param('<c t="b"><v>1</v></c>', "TRUE", id="a truth"),
    pytest.param('<c t="e"><v>#N/A</v></c>', "#N/A", id="an error"),
    pytest.param('<c s="1"><v>46353</v></c>', "2026-11-27", id="a date"),
    pytest.param('<c s="2"><v>46353.5</v></c>', "2026-11-27T12:00:00", id="a date and a time by a format of its own"),
    pytest.param('<c s="3"><v>46353</v></c>', "46353", id="a number with a word behind it"),
    pytest.param('<c s="1"><v>61491570156</v></c>', "61491570156", id="a number that is no date whatever its format"),
    pytest.param('<c t="d"><v>2026-11-27</v></c>', "2026-11-27", id="a date as text"),
]
SHARED = ["<t>to</t>", "<r><t>Käthe </t></r><r><t>&amp; Söhne</t></r>", "<t>東京</t><rPh><t>トウキョウ</t></rPh>"]


@pytest.mark.parametrize(("cell", "text"), CELLS)
def test_it_reads_a_cell(cell: str, text: str) -> None:
    rows = f'<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>x</t></is></c></row><row r="2"><c t="inlineStr"><is><t>{AU}</t></is></c><c r="B2"/>{cell}</row>'
    assert sent(read(workbook(rows, shared=SHARED)))[0]["extra"] == {"x": text}


NUMBERS = [
    pytest.param("491570156", "AU", [AU], id="a national number that lost its zero"),
    pytest.param("61491570156", "AU", [AU], id="an international one that lost its plus"),
    pytest.param("6.1491570156E10", "AU", [AU], id="the same with an exponent"),
    pytest.param("61491570156.5", "AU", [], id="a fraction"),
    pytest.param("6.1491570156E15", "AU", [], id="too many digits to be exact"),
]


@pytest.mark.parametrize(("number", "country", "numbers"), NUMBERS)
def test_it_reads_a_number_by_the_contract(number: str, country: str, numbers: list[str]) -> None:
    entries = read(workbook(texts(1, "Mobile") + f'<row r="2"><c><v>{number}</v></c></row>'), country=country)
    assert [row["to"] for row in sent(entries)] == numbers
    assert len(entries) == 1


def test_it_reads_what_other_programs_write() -> None:
    prefixed = (
        '<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:sheetData>'
        '<x:row><x:c t="inlineStr"><x:is><x:t>to</x:t></x:is></x:c></x:row>'
        f'<x:row><x:c t="inlineStr"><x:is><x:t>{AU}</x:t></x:is></x:c></x:row></x:sheetData></x:worksheet>'
    )
    assert sent(read(workbook("", parts={"xl/worksheets/sheet1.xml": prefixed}))) == [{"to": AU}]


def test_it_counts_days_from_1904_where_the_workbook_does() -> None:
    rows = (
        texts(1, "to", "day") + f'<row r="2"><c t="inlineStr"><is><t>{AU}</t></is></c><c s="1"><v>44891</v></c></row>'
    )
    assert sent(read(workbook(rows, book='<workbookPr date1904="1"/>')))[0]["extra"] == {"day": "2026-11-27"}


def test_it_takes_the_first_sheet_that_is_shown_and_tells_of_the_others() -> None:
    hidden = '<sheets><sheet name="Old" sheetId="1" state="hidden" r:id="rId1"/><sheet name="Chart" sheetId="2" r:id="rId2"/></sheets>'
    found = copied_sheet(io.BytesIO(workbook(texts(1, "to"), book=hidden)))
    assert (found.name, found.sheets) == ("List", 1)
    found.stream.close()


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def test_it_reads_a_workbook_from_a_pipe() -> None:
    with copied_sheet(Pipe(workbook(texts(1, "to") + texts(2, AU)))).stream as stream:
        assert stream.read() == b'[1,["to"]]\n[2,["' + AU.encode() + b'"]]\n'


def test_it_goes_on_behind_any_row() -> None:
    content = workbook(texts(1, "to") + texts(2, AU) + texts(5, "nobody") + texts(6, GB))
    with copied_sheet(io.BytesIO(content)).stream as stream:
        layout = read_layout(stream, Format.XLSX)
        reader, ends = RecipientsReader(stream, layout, Hints()), [layout.start]
        whole = [(entry, ends.append(reader.position))[0] for entry in reader.rows()]
        assert [end.line for end in ends] == [1, 2, 5, 6]
        for count, end in enumerate(ends):
            stream.seek(end.offset)
            assert list(RecipientsReader(stream, layout, Hints(), Position(*end)).rows()) == whole[count:]


def test_it_refuses_a_row_that_is_too_long_and_no_other() -> None:
    entries = read(
        workbook(
            texts(1, "to", "x")
            + texts(2, AU, "y" * (LINE_BYTES + 1))
            + texts(3, AU, "ä" * (LINE_BYTES // 2))
            + texts(4, GB)
        )
    )
    assert (refused(entries), [row["to"] for row in sent(entries)]) == ([(2, "$"), (3, "$")], [GB])


DAMAGED = [
    pytest.param(b"PK\x03\x04 and no more", "cannot be read as an Excel workbook", id="no zip file"),
    pytest.param(workbook(texts(1, "to"))[:-400], "cannot be read as an Excel workbook", id="cut off"),
    pytest.param(workbook("<row>"), "mismatched tag", id="broken XML"),
    pytest.param(workbook('<row><c t="s"><v>9</v></c></row>'), "a text that is not there", id="a text that is missing"),
    pytest.param(workbook('<row><c t="s"><v>-1</v></c></row>'), "a text that is not there", id="a text before the first"),
    pytest.param(workbook('<row><c r="ZZZZ1"><v>9</v></c></row>'), "16,384 columns", id="a column that no sheet has"),
    pytest.param(workbook("", parts={"_rels/.rels": "<a/>"}), "something else", id="another document"),
    pytest.param(
        workbook("", parts={"_rels/.rels": '<a><Relationship Id="1" Type="x/officeDocument" Target="xl/workbook.bin"/></a>'}),
        "xlsb", id="a binary one",
    ),
    pytest.param(workbook("", parts={"xl/_rels/workbook.xml.rels": "<a/>"}), "no sheet", id="no sheet"),
    pytest.param(
        workbook("", parts={"xl/worksheets/sheet1.xml": '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'}),
        "document type", id="entities",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), DAMAGED)
def test_it_refuses_a_damaged_workbook(content: bytes, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        copied_sheet(io.BytesIO(content))


def test_it_refuses_an_empty_sheet() -> None:
    with pytest.raises(RefusedError, match="the file is empty"):
        read(workbook(""))


def test_it_asks_for_the_column_of_the_telephone_numbers() -> None:
    with pytest.raises(RefusedError, match=r"no column `to`; --column names .*'Name, Number'"):
        read(workbook(texts(1, "Name", "Number")))
    assert sent(read(workbook(texts(1, "Name", "Number") + texts(2, "", AU)), "number")) == [{"to": AU}]


def most_memory(rows: int) -> int:
    content = io.BytesIO(
        workbook(
            "".join(f'<row><c t="s"><v>{n}</v></c></row>' for n in range(rows)),
            shared=[f"<t>name {n}</t>" for n in range(rows)],
        )
    )
    tracemalloc.start()
    try:
        copied_sheet(content).stream.close()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_it_holds_no_more_of_many_rows_than_of_few() -> None:
    few, many = most_memory(6_000), most_memory(12_000)
    assert many < few * 1.1
