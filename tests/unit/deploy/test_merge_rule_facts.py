"""The script that brings a file of noted facts into the shipped rules."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from core.rules.facts_file import COLUMNS, read_facts
from core.rules.files import FACTS_FILE, SHIPPED_FILE
from deploy.merge_rule_facts import main, merge

HEADER = ",".join(COLUMNS)
EMPTY = HEADER + "\n"
TABLE = SHIPPED_FILE.read_text("utf-8")

ALPHA_DE = {"country": "DE", "sender_type": "alpha_tag", "field": "status", "old_value": "allowed"}
PROFILE_DE = {"country": "DE", "sender_type": "profile", "old_value": ""}


def noted(*facts: dict[str, str]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for fact in facts:
        writer.writerow({"source": "aws", "source_date": "2027", "confidence": "high", **fact})
    return out.getvalue()


def told(facts: str) -> list[tuple[str, str, str, str]]:
    """Field, what held before, what holds, since when."""
    rows = csv.DictReader(io.StringIO(facts, newline=""))
    return [(row["field"], row["old_value"], row["new_value"], row["effective_from"]) for row in rows]


def cell(table: str, country: str, column: str) -> str:
    rows = csv.DictReader(io.StringIO(table, newline=""))
    return next(row[column] for row in rows if row["country"] == country)


def test_it_dates_a_rule_and_puts_its_end_into_the_table() -> None:
    turn = ALPHA_DE | {"new_value": "registration_required", "effective_from": "2027-03-01"}
    merged = merge(TABLE, EMPTY, noted(turn), "2027-02-01")
    assert (merged.errors, merged.added, merged.renewed) == ((), 1, 0)
    assert told(merged.facts) == [("status", "allowed", "registration_required", "2027-03-01")]
    assert cell(merged.table, "DE", "alphanumeric") == "registration_required"
    (fact,) = read_facts(merged.facts)[0]
    assert fact.as_of == "aws:2027 (read 2027-02-01)"


@pytest.mark.parametrize(
    ("label", "fact", "lines"),
    [
        (
            "low confidence that asks for registration leaves the unregistered unknown",
            ALPHA_DE | {"new_value": "registration_required", "confidence": "low"},
            [("status", "allowed", "registration_required", ""), ("unregistered", "blocked", "unknown", "")],
        ),
        (
            "low confidence that prohibits is unknown",
            ALPHA_DE | {"new_value": "prohibited", "confidence": "low"},
            [("status", "allowed", "unknown", "")],
        ),
        (
            "low confidence that allows stays, to be graded as unknown",
            ALPHA_DE | {"new_value": "allowed", "confidence": "low"},
            [("status", "allowed", "allowed", "")],
        ),
        (
            "a disputed change on a day is unknown",
            ALPHA_DE
            | {"field": "unregistered", "new_value": "altered", "confidence": "low", "effective_from": "2027-01-01"},
            [("unregistered", "allowed", "unknown", "2027-01-01")],
        ),
        (
            "a grade in the note",
            ALPHA_DE | {"new_value": "registration_required", "note": "careful value, unregistered=unknown"},
            [("status", "allowed", "registration_required", ""), ("unregistered", "blocked", "unknown", "")],
        ),
        (
            "characters in words",
            PROFILE_DE
            | {
                "field": "alpha_charset",
                "new_value": "A-Z a-z 0-9 space + -; not + first; must not resemble a phone number",
            },
            [
                ("alpha_characters", "", "space + -", ""),
                ("alpha_needs_letter", "no", "yes", ""),
                ("alpha_not_first", "", "+", ""),
            ],
        ),
        (
            "letters and digits only",
            PROFILE_DE | {"field": "alpha_charset", "new_value": "A-Z a-z 0-9 only"},
            [("alpha_characters", "", "none", "")],
        ),
        (
            "characters that are advised",
            PROFILE_DE | {"field": "alpha_charset", "new_value": "A-Z a-z 0-9 only, advised"},
            [("alpha_charset_notes", "", "A-Z a-z 0-9 only, advised", "")],
        ),
        (
            "a mark and its hours",
            PROFILE_DE | {"field": "promotional_affix", "new_value": "prefix AD- (counts); 07:00-21:00"},
            [("promotional_affix", "", "AD-*", ""), ("promotional_window", "", "07:00-21:00", "")],
        ),
        (
            "a mark behind",
            PROFILE_DE | {"field": "promotional_affix", "new_value": "suffix -AD"},
            [("promotional_affix", "", "*-AD", "")],
        ),
        (
            "a mark within",
            PROFILE_DE | {"field": "promotional_affix", "new_value": "name must contain AD"},
            [("promotional_affix", "", "*AD*", "")],
        ),
        (
            "links in words",
            PROFILE_DE | {"field": "url_allowed", "new_value": "no (foreign companies)"},
            [("url_allowed", "", "no", "")],
        ),
        (
            "links of which nobody is sure",
            PROFILE_DE | {"field": "url_allowed", "new_value": "yes (may be filtered)", "confidence": "low"},
            [("url_allowed", "", "unknown", "")],
        ),
        (
            "words within names, from what is quoted",
            PROFILE_DE | {"field": "generic_match", "new_value": "contains", "note": "names containing Alert or Info"},
            [("generic_words", "", "*ALERT*; *INFO*", "")],
        ),
        (
            "words of which some are prose",
            PROFILE_DE | {"field": "generic_words", "new_value": "RDV; COLIS/PARCEL and the like; names of banks"},
            [("generic_words", "", "RDV; COLIS; PARCEL", "")],
        ),
    ],
)
def test_it_words_a_fact_as_the_rules_read_it(
    label: str, fact: dict[str, str], lines: list[tuple[str, str, str, str]]
) -> None:
    if fact["field"] == "unregistered":
        fact = fact | {"old_value": "altered"}
        lines = [(field, "altered", new, since) for field, _, new, since in lines]
    merged = merge(TABLE, EMPTY, noted(fact), None)
    assert (merged.errors, told(merged.facts)) == ((), lines), label


@pytest.mark.parametrize(
    ("fact", "column"),
    [
        (ALPHA_DE | {"country": "ZZ"}, "country"),
        (ALPHA_DE | {"new_value": "perhaps"}, "new_value"),
        (ALPHA_DE | {"new_value": "allowed", "effective_from": "soon"}, "effective_from"),
        (ALPHA_DE | {"new_value": "allowed", "confidence": "7"}, "confidence"),
        (ALPHA_DE | {"new_value": "allowed", "sender_type": "pigeon"}, "sender_type"),
        (ALPHA_DE | {"new_value": "yes", "field": "colour"}, "field"),
        (PROFILE_DE | {"field": "colour", "new_value": "red"}, "field"),
        (PROFILE_DE | {"field": "alpha_min_length", "new_value": "99"}, "new_value"),
        (PROFILE_DE | {"field": "url_allowed", "new_value": "perhaps"}, "new_value"),
        (PROFILE_DE | {"field": "generic_words", "new_value": "none known"}, "new_value"),
        (PROFILE_DE | {"field": "generic_match", "new_value": "contains"}, "new_value"),
        (PROFILE_DE | {"field": "promotional_window", "new_value": "daytime"}, "new_value"),
    ],
)
def test_it_refuses_a_file_whole_by_line_and_column(fact: dict[str, str], column: str) -> None:
    good = ALPHA_DE | {"new_value": "prohibited"}
    merged = merge(TABLE, EMPTY, noted(good, fact), None)
    assert [error.field for error in merged.errors] == [f"line 3, column {column}"]
    assert (merged.table, merged.facts) == (TABLE, EMPTY)


def test_it_takes_no_date_away_by_a_confirmation() -> None:
    turn = ALPHA_DE | {"new_value": "registration_required", "effective_from": "2027-03-01"}
    held = merge(TABLE, EMPTY, noted(turn), None)
    again = ALPHA_DE | {"old_value": "registration_required", "new_value": "registration_required", "source": "twilio"}
    for fact in (again, again | {"effective_from": "2027-03-01"}):
        merged = merge(held.table, held.facts, noted(fact), None)
        assert told(merged.facts) == told(held.facts)
        assert ",twilio," in merged.facts
        assert (merged.added, merged.renewed) == (0, 1)


def test_it_takes_the_flag_of_a_replaced_number_away() -> None:
    fact = {"country": "FR", "sender_type": "longcode_foreign", "field": "status", "old_value": "overwritten"}
    merged = merge(TABLE, EMPTY, noted(fact | {"new_value": "prohibited"}), None)
    assert cell(merged.table, "FR", "long_code_international_overwritten") == "no"
    assert cell(merged.table, "FR", "long_code_international") == "prohibited"


def test_it_changes_nothing_by_what_is_merged_already() -> None:
    facts = FACTS_FILE.read_text("utf-8")
    merged = merge(TABLE, facts, facts, None)
    assert (merged.errors, merged.table, merged.facts, merged.added, merged.renewed) == ((), TABLE, facts, 0, 0)


def test_it_writes_both_files_and_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / SHIPPED_FILE.name).write_text(TABLE, "utf-8")
    (tmp_path / FACTS_FILE.name).write_text(EMPTY, "utf-8")
    file = tmp_path / "noted.csv"
    file.write_text(noted(ALPHA_DE | {"new_value": "prohibited"}), "utf-8")
    arguments = [str(file), "--data", str(tmp_path), "--read-on", "2027-02-01"]
    assert main([*arguments, "--dry-run"]) == 0
    assert (tmp_path / FACTS_FILE.name).read_text("utf-8") == EMPTY
    assert main(arguments) == 0
    assert "1 facts are new, 0 were renewed" in capsys.readouterr().out
    assert cell((tmp_path / SHIPPED_FILE.name).read_text("utf-8"), "DE", "alphanumeric") == "prohibited"
    file.write_text(noted(ALPHA_DE | {"new_value": "perhaps"}), "utf-8")
    assert main(arguments) == 1
    assert "line 2, column new_value" in capsys.readouterr().err
