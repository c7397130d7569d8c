"""What people read cannot steer their terminal, forge a line of a log, or be calculated by their spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from core.phone import parse_recipient
from core.process.log_choices import LogFormat, LogLevel
from core.process.logs import send_logs_to_stderr
from core.process.printable import lines_of, one_document_line, one_json_line, one_line, safe_cell
from tests.support.unsafe import HOSTILE, unsafe_in

ANY_TEXT = st.text(st.characters(codec=None))


@given(ANY_TEXT)
def test_no_text_carries_what_is_unsafe(text: str) -> None:
    assert unsafe_in(one_line(text)) == set()
    assert unsafe_in(lines_of(text)) <= {"\n", "\t"}
    assert lines_of(text).count("\n") == text.count("\n")


@given(st.text())
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert one_line("Zoë 😀 \u0645\u0631\u062d\u0628\u0627 +49 151") == "Zoë 😀 \u0645\u0631\u062d\u0628\u0627 +49 151"
    if not unsafe_in(text):
        assert one_line(text) == lines_of(text) == text


@given(st.recursive(ANY_TEXT | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner)))
def test_json_says_the_same_on_one_line(document: object) -> None:
    for written in (json.dumps(document, ensure_ascii=False), json.dumps(document, ensure_ascii=False, indent="\t")):
        line = one_document_line(written.encode("utf-8", "surrogatepass"))
        assert unsafe_in(line.decode()) == set()
    assert unsafe_in(one_json_line(json.dumps(document, ensure_ascii=False))) == set()
    assert json.loads(one_json_line(json.dumps(document, ensure_ascii=False))) == document


@given(st.binary())
def test_a_document_that_is_no_json_is_one_safe_line(document: bytes) -> None:
    assert unsafe_in(one_document_line(document).decode()) == set()


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", " =1", "\r=1", "\n=1", "\uff1d1", "+49-151-123", "="],
    ids=repr,
)
def test_a_spreadsheet_does_not_calculate_a_cell(text: str) -> None:
    assert safe_cell(text)[0] == "'"


@pytest.mark.parametrize("text", ["", "nobody", "+4915112345678", "+49 151 123 456 78", "0151-123", "to", "12", "a=b"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert safe_cell(text) == text


@pytest.mark.parametrize("number", ["+49 151-123 456 78", '="+4915112345678"', "+49 (0)151 12345678", "+4915112345678"])
def test_a_number_is_read_out_of_its_cell_as_before(number: str) -> None:
    assert parse_recipient(safe_cell(number)) == parse_recipient(number)


@given(ANY_TEXT)
def test_a_cell_survives_a_reader_of_csv(text: str) -> None:
    file = io.StringIO()
    csv.writer(file).writerow([safe_cell(text)])
    assert next(csv.reader(io.StringIO(file.getvalue())), [""]) == [safe_cell(text)] or not text
    assert unsafe_in(safe_cell(text)) == set()


@pytest.fixture
def restored_logs() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.usefixtures("restored_logs")
def test_a_record_is_one_line_whatever_it_holds(log_format: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    send_logs_to_stderr(log_format, LogLevel.INFO)
    structlog.get_logger("ours").warning("parked", detail=HOSTILE, ids=[HOSTILE], pair={HOSTILE: HOSTILE})
    logging.getLogger("foreign").warning("received %s", HOSTILE)
    try:
        int(HOSTILE)
    except ValueError:
        structlog.get_logger("ours").exception("failed")
    said = capsys.readouterr().err
    assert unsafe_in(said) == {"\n"}
    assert not [line for line in said.splitlines() if line.startswith("FORGED")]
    if log_format is LogFormat.JSON:
        assert [json.loads(line)["event"] for line in said.splitlines()][::2] == ["parked", "failed"]
