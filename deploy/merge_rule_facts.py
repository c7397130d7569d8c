"""Merge a file of facts into the shipped country rules: `python -m deploy.merge_rule_facts FILE --read-on 2026-11-27`.

FILE has the columns of core/data/country_facts.csv; its wording may be free (deploy/fact_wording.py). It is merged whole
or refused whole, with line and column. Afterwards both files of core/data say the same: the table of countries what
holds in the end, the file of facts since when and who says so. Merging one file twice changes nothing.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from core.errors import FieldError
from core.rules.facts_file import COLUMNS, PROFILE, RULE_SUBJECTS, read_facts
from core.rules.files import FACTS_FILE
from core.rules.wide_file import Row, read_table
from deploy.fact_wording import Line, WordingError, lines_of

TABLE = "country_rules.csv"
FACTS = FACTS_FILE.name

#: Strictest last; a fact of low confidence never makes a country stricter than `unknown`.
_STRICTNESS = ("allowed", "unknown", "overwritten", "registration_required", "prohibited")

#: Undated facts on these are written into the table too.
_TABLE_COLUMNS = {
    "alpha_max_length": "alpha_max_length",
    "generic_senders_blocked": "generic_senders_blocked",
    "alpha_local_registration": "alphanumeric_local_traffic_registration",
}
_REPLACED = "long_code_international_overwritten"

_Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Merged:
    """Both files as they would be, and what is wrong: with errors nothing may be written."""

    table: str
    facts: str
    errors: tuple[FieldError, ...] = ()
    added: int = 0
    renewed: int = 0


def merge(table: str, facts: str, noted: str, read_on: str | None) -> Merged:
    """Two files of core/data with the facts of a third."""
    rows, held = [*csv.DictReader(io.StringIO(table, newline=""))], _lines(facts)
    by_country = {row["country"]: row for row in rows}
    fresh, errors = _worded(noted, by_country.keys(), read_on)
    careful = [each for line in fresh for each in _careful(line, by_country, fresh)]
    errors += _checked(careful)
    if errors:
        return Merged(table, facts, tuple(errors))
    by_key = {_key(line): line for line in held}
    added = renewed = 0
    for line in careful:
        at = _confirmed(line, by_key) or _key(line)
        before = by_key.get(at)
        by_key[at] = line if before is None else _renewed(before, line)
        added += before is None
        renewed += before is not None and any(by_key[at][name] != before[name] for name in COLUMNS)
    lines = sorted(by_key.values(), key=_order)
    _into_table(by_country, lines)
    texts = _written(rows, [*rows[0]]), _written(lines, COLUMNS)
    return Merged(*texts, errors=read_table(texts[0]).errors, added=added, renewed=renewed)


def _lines(text: str) -> list[Line]:
    return [*csv.DictReader(io.StringIO(text, newline=""))]


def _key(line: Line) -> _Key:
    return (line["country"], line["sender_type"], line["field"], line["effective_from"])


def _order(line: Line) -> tuple[str, bool, bool, str, str, str]:
    subject = line["sender_type"]
    return (line["country"], subject != "alpha_tag", subject == PROFILE, *_key(line)[1:])


def _worded(noted: str, countries: Iterable[str], read_on: str | None) -> tuple[list[Line], list[FieldError]]:
    reader = csv.DictReader(io.StringIO(noted, newline=""))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        return [], [FieldError("line 1", f"is not the header of a file of facts: {','.join(COLUMNS)}")]
    known, lines, errors = frozenset(countries), list[Line](), list[FieldError]()
    for row in reader:
        place = f"line {reader.line_num}"
        if row["country"] not in known:
            errors.append(FieldError(f"{place}, column country", f"{row['country']!r} is not in the table"))
            continue
        try:
            lines += [line | {"line": place} for line in lines_of(row, read_on)]
        except WordingError as error:
            errors.append(FieldError(f"{place}, column {error.column}", f"{row[error.column]!r} {error}"))
    return lines, errors


def _careful(line: Line, table: dict[str, Line], file: Sequence[Line]) -> Iterator[Line]:
    """A fact of low confidence that makes a country stricter: what it forbids is unknown."""
    column = RULE_SUBJECTS.get(line["sender_type"])
    cell, new = table[line["country"]].get(column or "", ""), line["new_value"]
    stricter = line["field"] == "status" and line["confidence"] == "low" and _rank(new) > _rank(cell)
    if not stricter:
        yield line
    elif new == "prohibited":
        yield line | {"new_value": "unknown"}
    else:
        yield line
        same = (line["country"], line["sender_type"], "unregistered")
        if new == "registration_required" and not any(_key(each)[:3] == same for each in file):
            yield line | {"field": "unregistered", "old_value": "blocked", "new_value": "unknown"}


def _rank(status: str) -> int:
    return _STRICTNESS.index(status) if status in _STRICTNESS else -1


def _checked(lines: Sequence[Line]) -> list[FieldError]:
    """What core/rules would refuse, at the line of the file that it came from."""
    _, errors = read_facts(_written(lines, COLUMNS))
    return [_placed(error, lines) for error in errors]


def _placed(error: FieldError, lines: Sequence[Line]) -> FieldError:
    place, _, column = error.field.partition(", ")
    number = int(place.removeprefix("line "))
    return FieldError(f"{lines[number - 2]['line']}, {column}", error.reason)


def _confirmed(line: Line, held: dict[_Key, Line]) -> _Key | None:
    """The dated line that says the same as an undated one, which then confirms it and takes no date away."""
    if line["effective_from"]:
        return None
    dated = [key for key in held if key[:3] == _key(line)[:3] and key[3]]
    last = max(dated, key=lambda key: key[3], default=None)
    return last if last is not None and held[last]["new_value"] == line["new_value"] else None


def _renewed(before: Line, line: Line) -> Line:
    """The line with what held before, if it only confirms."""
    if line["new_value"] != before["new_value"]:
        return line
    return line | {"old_value": before["old_value"], "effective_from": before["effective_from"]}


def _into_table(table: dict[str, Line], lines: Iterable[Line]) -> None:
    for line in sorted(lines, key=lambda line: line["effective_from"]):
        row, column = table[line["country"]], RULE_SUBJECTS.get(line["sender_type"])
        if column is not None and line["field"] == "status":
            row[column] = line["new_value"]
            if column == "long_code_international":
                row[_REPLACED] = "no"
        elif line["field"] in _TABLE_COLUMNS and not line["effective_from"]:
            row[_TABLE_COLUMNS[line["field"]]] = line["new_value"]


def _written(lines: Iterable[Row], columns: Sequence[str]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def main(arguments: Sequence[str]) -> int:
    """Merge, and say what was done; 1 where the file is refused."""
    parser = argparse.ArgumentParser(prog="python -m deploy.merge_rule_facts", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--read-on", metavar="DATE", help="the day on which the sources were read; in every as_of")
    parser.add_argument("--data", type=Path, default=FACTS_FILE.parent, help="the folder of both files")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    given = parser.parse_args(arguments)
    if given.read_on:
        date.fromisoformat(given.read_on)
    table, facts = given.data / TABLE, given.data / FACTS
    texts = (path.read_text("utf-8") for path in (table, facts, given.file))
    merged = merge(*texts, read_on=given.read_on)
    if merged.errors:
        for error in merged.errors:
            sys.stderr.write(f"{error.field}: {error.reason}\n")
        return 1
    if not given.dry_run:
        facts.write_text(merged.facts, "utf-8", newline="\n")
        table.write_text(merged.table, "utf-8", newline="\n")
    sys.stdout.write(
        f"{merged.added} facts are new, {merged.renewed} were renewed. Put their grades into tests/unit/rules.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
