"""Rule files: what is read, what is refused, and what a new version would change."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from core.engine.country_rules import CountryRule, Grade, RuleBook, RuleStatus, SenderOrigin
from core.errors import RefusedError
from core.rules.diff import RuleChange, diff_rules
from core.rules.files import SHIPPED_FILE, read_rules, read_rules_file, shipped_rules
from core.rules.line_file import written_lines
from core.rules.wide_file import COLUMNS, OPTIONAL_COLUMNS
from core.sender import Product, SenderType

NOW = datetime(2026, 11, 1, tzinfo=UTC)
BEFORE_ALL = datetime(2025, 1, 1, tzinfo=UTC)

Edit = Callable[[list[dict[str, str]]], object]


#: Enough of the file for most tests, among them every country with a dated rule.
SOME = ("AD", "AE", "AF", "AU", "DE", "ES", "GB", "IE", "US")

SHIPPED_TEXT = SHIPPED_FILE.read_text("utf-8")
SHIPPED_LINES = [*csv.DictReader(io.StringIO(SHIPPED_TEXT, newline=""))]


def all_rows() -> list[dict[str, str]]:
    """The shipped lines with the columns that a maintainer's file must have, and no others."""
    return [{column: cell for column, cell in line.items() if column in COLUMNS} for line in SHIPPED_LINES]


def rows() -> list[dict[str, str]]:
    return [line for line in all_rows() if line["country"] in SOME]


@cache
def base() -> RuleBook:
    return read(written(rows()))


def written(lines: list[dict[str, str]], end: str = "\n", header: list[str] | None = None) -> str:
    out = io.StringIO(newline="")
    columns = header if header is not None else [*lines[0]]
    writer = csv.DictWriter(out, columns, lineterminator=end, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def edited(edit: Edit) -> str:
    lines = rows()
    edit(lines)
    return written(lines)


def at(lines: list[dict[str, str]], country: str) -> dict[str, str]:
    return next(line for line in lines if line["country"] == country)


def read(text: str) -> RuleBook:
    return read_rules(io.StringIO(text))


def refusals(text: str | bytes) -> list[tuple[str, str]]:
    source = io.BytesIO(text) if isinstance(text, bytes) else io.StringIO(text)
    with pytest.raises(RefusedError) as refused:
        read_rules(source)
    assert str(refused.value).startswith("the rule file is refused, nothing was read: ")
    return [(error.field, error.reason) for error in refused.value.errors]


def name_rule(book: RuleBook, country: str, moment: datetime) -> tuple[RuleStatus, Grade]:
    rule = book.rule_for(country, SenderType.ALPHA_TAG, None, Product.SMS, moment)
    assert rule is not None
    return rule.status, rule.unregistered


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("Windows line ends", written(rows(), end="\r\n")),
        ("a byte order mark", "\ufeff" + written(rows())),
        ("columns in another order", written(rows(), header=[*rows()[0]][::-1])),
        ("countries in another order", written(rows()[::-1])),
        ("blank lines between", written(rows()).replace("\n", "\n\n")),
        ("spaces around a cell", written(rows()).replace("AD,Andorra,", " AD , Andorra , ")),
    ],
)
def test_it_reads_the_same_rules_from(label: str, text: str) -> None:
    assert read(text) == base(), label


@pytest.mark.parametrize("text", [written(all_rows()), SHIPPED_TEXT], ids=["without dates", "as shipped"])
def test_it_reads_all_countries_of_the_file(text: str) -> None:
    assert read(text) == shipped_rules()
    assert len(read(text).countries()) == 250


def test_it_reads_a_path_and_bytes_alike(tmp_path: Path) -> None:
    file = tmp_path / "rules.csv"
    file.write_bytes(b"\xef\xbb\xbf" + written(rows()).encode())
    assert read_rules(file) == read_rules(str(file)) == read_rules(io.BytesIO(file.read_bytes())) == base()


def test_it_leaves_unread_a_column_that_nobody_knows_and_says_so() -> None:
    file = read_rules_file(io.StringIO(edited(lambda lines: [line.update(reviewed_by="Ann") for line in lines])))
    assert file.ignored_columns == ("reviewed_by",)
    assert file.book == base()


def test_it_takes_a_file_as_the_whole_version() -> None:
    assert read(written(rows()[:3])).countries() == ("AD", "AE", "AF")


REFUSED = [
    ("garbage in a cell", lambda lines: at(lines, "AF").update(alphanumeric="maybe"), ["line 4, column alphanumeric"]),
    ("an empty status", lambda lines: at(lines, "AF").update(mms=""), ["line 4, column mms"]),
    ("a status in capitals", lambda lines: at(lines, "AF").update(short_code="Allowed"), ["line 4, column short_code"]),
    (
        "a name that does not exist there",
        lambda lines: at(lines, "AF").update(alphanumeric="not_applicable"),
        ["line 4, column alphanumeric"],
    ),
    ("a bad country", lambda lines: at(lines, "AF").update(country="XX"), ["line 4, column country"]),
    ("a country in small letters", lambda lines: at(lines, "AF").update(country="af"), ["line 4, column country"]),
    ("UK for GB", lambda lines: at(lines, "GB").update(country="UK"), ["line 8, column country"]),
    ("no name", lambda lines: at(lines, "AF").update(name=""), ["line 4, column name"]),
    ("a country twice", lambda lines: lines.append(dict(lines[0])), ["line 11, column country"]),
    ("a bad length", lambda lines: at(lines, "AF").update(alpha_max_length="12"), ["line 4, column alpha_max_length"]),
    ("a negative count", lambda lines: at(lines, "AF").update(confidence="-1"), ["line 4, column confidence"]),
    ("a bad calling code", lambda lines: at(lines, "AF").update(calling_code="+93"), ["line 4, column calling_code"]),
    ("a control character", lambda lines: at(lines, "AF").update(notes="\x00"), ["line 4, column notes"]),
    (
        "every problem, not the first",
        lambda lines: (at(lines, "AF").update(mms="?", country="X"), at(lines, "AE").update(dlr="perhaps")),
        ["line 3, column dlr", "line 4, column mms", "line 4, column country"],
    ),
    ("a missing column", lambda lines: [line.pop("ten_dlc") for line in lines], ["line 1, column ten_dlc"]),
    (
        "a missing column and garbage",
        lambda lines: [line.pop("ten_dlc") for line in lines] and lines[0].update(mms="?"),
        ["line 1, column ten_dlc", "line 2, column mms"],
    ),
    (
        "a misspelt optional column",
        lambda lines: [line.update(alphanumeric_efective_from="") for line in lines],
        ["line 1, column alphanumeric_efective_from"],
    ),
    (
        "a date that is none",
        lambda lines: (
            [line.update(alphanumeric_effective_from="soon", alphanumeric_before="allowed") for line in lines[:1]]
            and [line.update(alphanumeric_effective_from="", alphanumeric_before="") for line in lines[1:]]
        ),
        ["line 2, column alphanumeric_effective_from"],
    ),
    (
        "a date without what held before",
        lambda lines: [line.update(short_code_effective_from="2027-01-01" * (line is lines[0])) for line in lines],
        ["line 2, column short_code_before"],
    ),
    (
        "what held before without a date",
        lambda lines: [line.update(short_code_before="allowed" * (line is lines[0])) for line in lines],
        ["line 2, column short_code_effective_from"],
    ),
    (
        "a type that does not exist",
        lambda lines: [line.update(type_preference="shortcode;pigeon" * (line is lines[0])) for line in lines],
        ["line 2, column type_preference"],
    ),
]


@pytest.mark.parametrize(("label", "edit", "fields"), REFUSED)
def test_it_refuses_a_file_whole_for(label: str, edit: Edit, fields: list[str]) -> None:
    assert [field for field, _ in refusals(edited(edit))] == fields, label


@pytest.mark.parametrize(
    ("label", "text", "field", "words"),
    [
        ("an empty file", "", "line 1", "empty"),
        ("an empty file of bytes", b"", "line 1", "empty"),
        ("blank lines", "\n\n", "line 1", "empty"),
        ("a header alone", ",".join(COLUMNS), "line 1", "no country follows"),
        ("another table", "a,b\n1,2\n", "line 1", "not the header"),
        ("semicolons", written(rows()).replace(",", ";"), "line 1", "not the header"),
        ("a short line", written(rows()) + "ZZ,Nowhere\n", "line 11", "has 2 cells, the header has 24"),
        ("a long line", written(rows()).replace("AD,", "AD,,", 1), "line 2", "has 25 cells"),
        ("an open quote", written(rows()) + '"XK,and so on\n', "line 11", "cannot be read as CSV"),
        ("a column twice", written(rows()).replace("dlr", "mms", 1), "line 1, column dlr", "is missing"),
        ("Latin 1", written(all_rows()).encode("latin-1", "replace"), "line 16", "is not UTF-8"),
        ("a spreadsheet's UTF-16", written(rows()).encode("utf-16"), "line 1", "is not UTF-8"),
        ("a document", '{"kind": "rule"', "line 1", "is not JSON"),
    ],
)
def test_it_says_where_a_broken_file_breaks(label: str, text: str | bytes, field: str, words: str) -> None:
    first_field, first_reason = refusals(text)[0]
    assert first_field == field, label
    assert words in first_reason, label


def test_it_counts_lines_through_a_cell_of_many_lines() -> None:
    lines = rows()
    lines[0]["notes"] = "one\ntwo"
    lines[1]["mms"] = "?"
    assert [field for field, _ in refusals(written(lines))] == ["line 4, column mms"]


def test_it_names_what_a_cell_may_hold() -> None:
    ((_, reason),) = refusals(edited(lambda lines: at(lines, "AF").update(mms="perhaps")))
    assert reason == "'perhaps' is not one of: yes, no, unknown"


def test_it_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be read"):
        read_rules(tmp_path / "none.csv")


def test_it_refuses_a_file_of_absurd_size() -> None:
    with pytest.raises(RefusedError, match="larger"):
        read_rules(io.BytesIO(b"x" * 16_777_217))


@pytest.mark.parametrize(
    ("label", "cells", "before", "after"),
    [
        ("the shipped status keeps the shipped date", {}, "allowed", ("registration_required", "altered")),
        ("another status holds at all times", {"alphanumeric": "overwritten"}, "altered", ("altered", "blocked")),
        (
            "empty date columns take the date away",
            {"alphanumeric_effective_from": "", "alphanumeric_before": ""},
            "registration_required",
            ("registration_required", "blocked"),
        ),
        (
            "date columns of the file win",
            {
                "alphanumeric": "prohibited",
                "alphanumeric_before": "unknown",
                "alphanumeric_effective_from": "2026-10-31T23:00:00-01:00",
            },
            "unknown",
            ("blocked", "blocked"),
        ),
        (
            "the grade of the unregistered can stand without a date",
            {"alphanumeric_unregistered": "altered"},
            "registration_required",
            ("registration_required", "altered"),
        ),
    ],
)
def test_it_combines_a_line_with_the_shipped_dates(
    label: str, cells: dict[str, str], before: str, after: tuple[str, str]
) -> None:
    lines = [{**at(rows(), "AU"), **cells}]
    book = read(written(lines))
    assert name_rule(book, "AU", BEFORE_ALL)[0] == before, label
    assert name_rule(book, "AU", NOW) == after, label


def test_it_keeps_the_shipped_order_of_types_unless_the_file_has_its_own() -> None:
    lines = [at(rows(), "US")]
    own = [{**lines[0], "type_preference": "tollfree; longcode"}]
    assert read(written(lines)).profile("US").type_preference == shipped_rules().profile("US").type_preference
    assert read(written(own)).profile("US").type_preference == (SenderType.TOLLFREE, SenderType.LONGCODE)


def test_it_dates_any_rule_column() -> None:
    cells = {"short_code_effective_from": "2026-11-01", "short_code_before": "prohibited"}
    book = read(written([{**at(rows(), "GB"), **cells}]))
    rules = [rule for rule in book.rules_of("GB") if rule.sender_type is SenderType.SHORTCODE]
    assert [(rule.status, rule.effective_from, rule.effective_until) for rule in rules[:2]] == [
        ("blocked", None, NOW),
        ("allowed", NOW, None),
    ]
    assert len(OPTIONAL_COLUMNS) == 23


@pytest.mark.parametrize(
    ("international", "status"),
    [
        ("allowed", "altered"),
        ("prohibited", "altered"),
        ("unknown", "altered"),
        ("overwritten", "altered"),
        ("registration_required", "registration_required"),
    ],
)
def test_it_reads_a_foreign_number_that_arrives_replaced_as_altered(international: str, status: str) -> None:
    cells = {"long_code_international": international, "long_code_international_overwritten": "yes"}
    book = read(written([{**at(rows(), "GB"), **cells}]))
    for sender_type in (SenderType.LONGCODE, SenderType.OWN_NUMBER):
        rule = book.rule_for("GB", sender_type, "FR", Product.SMS, NOW)
        assert rule is not None
        assert rule.status == status


def test_it_says_why_a_type_is_blocked_where_no_column_says_so() -> None:
    notes = {(rule.sender_type, rule.sender_country): rule.notes for rule in base().rules_of("AD")}
    assert notes[SenderType.TEN_DLC, SenderOrigin.ANY] == "this type does not exist here"
    assert notes[SenderType.SHORTCODE, SenderOrigin.FOREIGN] == "short codes are national"
    assert notes[SenderType.TOLLFREE, SenderOrigin.FOREIGN] == "toll-free numbers are national"
    assert notes[SenderType.ALPHA_TAG, SenderOrigin.ANY] == ""


def test_it_gives_another_version_to_other_content() -> None:
    changed = read(edited(lambda lines: at(lines, "AF").update(notes="looked at again")))
    assert changed.version != base().version
    assert changed.version == read(edited(lambda lines: at(lines, "AF").update(notes="looked at again"))).version


def test_it_writes_json_lines_that_read_back_the_same() -> None:
    override = CountryRule("GB", SenderType.LONGCODE, SenderOrigin.ANY, RuleStatus.BLOCKED, override_reason="x")
    assert read("\n".join(written_lines(shipped_rules()))) == shipped_rules()
    assert [*written_lines(base().with_overrides([override]))] == [*written_lines(base())]


RULE: dict[str, object] = {
    "kind": "rule",
    "country": "GB",
    "sender_type": "longcode",
    "sender_country": "any",
    "status": "allowed",
}


BRITAIN: dict[str, object] = {"kind": "country", "country": "GB", "name": "Britain"}


def as_lines(*documents: dict[str, object]) -> str:
    return "\n".join(json.dumps(document) for document in documents)


def test_it_reads_a_timeline_of_any_length_from_json_lines() -> None:
    book = read(
        as_lines(
            {**RULE, "effective_until": "2026-01-01"},
            {**RULE, "status": "altered", "effective_from": "2026-01-01", "effective_until": "2027-01-01"},
            {**RULE, "status": "blocked", "effective_from": "2027-01-01"},
        )
    )
    assert [rule.status for rule in book.rules_of("GB")] == ["allowed", "altered", "blocked"]
    assert book.next_boundary("GB", NOW) == datetime(2027, 1, 1, tzinfo=UTC)
    assert book.profile("GB").name == "United Kingdom"


@pytest.mark.parametrize(
    ("label", "text", "fields"),
    [
        ("a list", as_lines(RULE) + "\n[]", ["line 2"]),
        ("an unknown kind", as_lines({"kind": "law"}), ["line 1, field kind"]),
        ("deep nesting", as_lines(RULE) + "\n" + "[" * 100_000, ["line 2"]),
        (
            "a missing field",
            as_lines({"kind": "rule", "country": "GB"}),
            ["line 1, field sender_type", "line 1, field sender_country", "line 1, field status"],
        ),
        ("an unknown field", as_lines({**RULE, "stauts": "x"}), ["line 1, field stauts"]),
        ("an override", as_lines({**RULE, "override_reason": "x"}), ["line 1, field override_reason"]),
        ("a bad status", as_lines({**RULE, "status": "overwritten"}), ["line 1, field status"]),
        ("a status of another type", as_lines({**RULE, "status": ["allowed"]}), ["line 1, field status"]),
        ("a bad date", as_lines({**RULE, "effective_from": 7}), ["line 1, field effective_from"]),
        ("a bad list", as_lines({**RULE, "only_sender_countries": "US"}), ["line 1, field only_sender_countries"]),
        ("a bad count", as_lines({**RULE, "confidence": True}), ["line 1, field confidence"]),
        ("half a character", as_lines({**RULE, "notes": "\ud800"}), ["line 1"]),
        ("a country that does not exist", as_lines({**RULE, "country": "ZZ"}), ["line 1, field country"]),
        (
            "a country twice",
            as_lines(BRITAIN, BRITAIN),
            ["line 2, field country"],
        ),
        (
            "a rule that ends before it begins",
            as_lines({**RULE, "effective_from": "2026-01-02", "effective_until": "2026-01-01"}),
            ["line 1, field effective_until"],
        ),
        (
            "two rules at one time",
            as_lines({**RULE, "effective_from": "2026-01-01"}, {**RULE, "effective_until": "2026-01-02"}),
            ["line 1, field effective_from"],
        ),
    ],
)
def test_it_refuses_json_lines_whole_for(label: str, text: str, fields: list[str]) -> None:
    assert [field for field, _ in refusals(text)] == fields, label


def changes(edit: Edit, moment: datetime = NOW) -> list[RuleChange]:
    return [*diff_rules(base(), read(edited(edit)), moment)]


def test_it_finds_no_difference_between_equal_versions() -> None:
    assert changes(lambda _: None) == []


def test_it_tells_a_changed_rule_in_words() -> None:
    assert changes(lambda lines: at(lines, "GB").update(short_code="prohibited")) == [
        RuleChange(
            "GB", SenderType.SHORTCODE, SenderOrigin.DOMESTIC, "rule", "allowed from 2023-09-12", "blocked", now=True
        )
    ]


def test_it_tells_dates_and_whether_a_change_is_felt_now() -> None:
    later = "2027-01-01"

    def postpone(lines: list[dict[str, str]]) -> None:
        for line in lines:
            line.update(alphanumeric_before="", alphanumeric_effective_from="", alphanumeric_unregistered="")
        for country, unregistered in (("AU", "altered"), ("IE", "altered"), ("ES", "blocked"), ("DE", "blocked")):
            at(lines, country).update(alphanumeric_unregistered=unregistered)
        at(lines, "DE").update(
            alphanumeric="registration_required", alphanumeric_before="allowed", alphanumeric_effective_from=later
        )

    by_country = {change.country: change for change in changes(postpone) if change.what == "rule"}
    assert sorted(by_country) == ["AU", "DE", "ES", "IE"]
    assert by_country["DE"] == RuleChange(
        "DE",
        SenderType.ALPHA_TAG,
        SenderOrigin.ANY,
        "rule",
        "allowed",
        "allowed until 2027-01-01 ; registration_required (unregistered: blocked) from 2027-01-01",
        now=False,
    )
    assert not by_country["AU"].now
    assert by_country["AU"].before == "registration_required (unregistered: altered) from 2026-07-01"


def test_it_tells_countries_that_come_and_go() -> None:
    fewer = read(written([line for line in rows() if line["country"] != "AD"]))
    gone, *others = diff_rules(base(), fewer, NOW)
    assert gone == RuleChange("AD", None, None, "country", "Andorra", None)
    assert others == []
    assert diff_rules(fewer, base(), NOW) == (replace(gone, before=None, after="Andorra"),)


def test_it_tells_a_changed_profile_field_once_and_not_with_every_rule() -> None:
    assert changes(lambda lines: at(lines, "GB").update(mms="unknown", notes="seen", alpha_max_length="10")) == [
        RuleChange("GB", None, None, "mms", "no", "unknown"),
        RuleChange("GB", None, None, "alpha_max_length", "11", "10"),
        RuleChange("GB", None, None, "notes", base().profile("GB").notes, "seen"),
    ]


def test_it_tells_the_changed_source_of_a_single_rule() -> None:
    old = read(as_lines(RULE))
    new = read(as_lines({**RULE, "notes": "new", "as_of": "2026-10-01"}))
    (change,) = diff_rules(old, new, NOW)
    assert (change.what, change.after) == ("provenance", "2026-10-01, confidence 0 of 0, new")


def test_it_leaves_overrides_out_of_the_difference() -> None:
    override = CountryRule("GB", SenderType.LONGCODE, SenderOrigin.ANY, RuleStatus.BLOCKED, override_reason="x")
    assert diff_rules(base().with_overrides([override]), base(), NOW) == ()
