"""The list of area codes of +1: what it holds, and how NANPA's report refreshes it."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import phonenumbers
import pytest

from core.phone import KNOWN_REGIONS, country_of
from deploy import refresh_area_codes
from deploy.refresh_area_codes import LIST, SOURCE, main, merged, of_report, read_list

HEADER = "NPA_ID,type_of_code,USE,LOCATION,COUNTRY,IN_SERVICE,IN_SERVICE_DT\n"


def report(*rows: str, day: str = "11/27/2026") -> str:
    return f"File Date,{day}\n{HEADER}" + "".join(f"{row}\n" for row in rows)


def fresh(*rows: str) -> list[dict[str, str]]:
    return of_report(io.StringIO(report(*rows)), read_list())


def test_it_lists_each_code_once_with_country_source_and_day() -> None:
    with LIST.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["area_code"] for row in rows}) == len(rows) > 450
    assert all(re.fullmatch(r"[2-9][0-8][0-9]", row["area_code"]) for row in rows)
    assert {row["country"] for row in rows} <= KNOWN_REGIONS
    assert all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", row["as_of"]) and row["source"] for row in rows)


def test_it_agrees_with_libphonenumber_where_that_knows_the_code() -> None:
    known = {code: row["country"] for code, row in read_list().items()}
    theirs = {code: phonenumbers.region_code_for_number(phonenumbers.parse(f"+1{code}3456789")) for code in known}
    assert {code: region for code, region in theirs.items() if region not in {None, known[code]}} == {}
    assert {code: country_of(f"+1{code}3456789") for code in known} == known


def test_it_takes_the_geographic_codes_in_service() -> None:
    rows = ("212,G,G,NY,US,Y,", "387,G,G,ONTARIO,CANADA,N,", "800,N,N,,NANP AREA,Y,", "999,G,G,NOVA SCOTIA,CANADA,Y,")
    assert [(row["area_code"], row["country"], row["location"], row["as_of"]) for row in fresh(*rows)] == [
        ("212", "US", "New York", "2026-11-27"),
        ("999", "CA", "NOVA SCOTIA", "2026-11-27"),
    ]


def test_it_names_a_country_that_it_does_not_know() -> None:
    with pytest.raises(SystemExit, match=r"999.*ATLANTIS"):
        fresh("999,G,G,,ATLANTIS,Y,")


def test_it_takes_no_other_file() -> None:
    with pytest.raises(SystemExit, match="not NANPA's report"):
        of_report(io.StringIO("area_code,country\n"), {})


def test_it_keeps_what_another_source_speaks_of_and_drops_what_is_no_longer_in_service() -> None:
    base = {"country": "US", "location": "x", "as_of": "2026-01-01"}
    known = {
        "200": {"area_code": "200", "source": SOURCE} | base,
        "201": {"area_code": "201", "source": "a regulator"} | base,
    }
    assert list(merged(known, [{"area_code": "202", "source": SOURCE} | base])) == ["201", "202"]


def test_it_writes_the_list_and_tells_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "list.csv"
    copy.write_bytes(LIST.read_bytes())
    monkeypatch.setattr(refresh_area_codes, "LIST", copy)
    codes = [f"{code},G,G,,US,Y," for code, row in read_list().items() if row["source"] == SOURCE]
    (tmp_path / "report.csv").write_text(report(*codes, "999,G,G,MAINE,US,Y,"))
    assert main([str(tmp_path / "report.csv"), "--check"]) == 1
    assert copy.read_bytes() == LIST.read_bytes()
    assert main([str(tmp_path / "report.csv")]) == 0
    assert "new: 999; gone: none" in capsys.readouterr().out
    assert main([str(tmp_path / "report.csv"), "--check"]) == 0
    assert read_list()["999"]["country"] == "US"
