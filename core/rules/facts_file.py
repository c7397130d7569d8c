"""`core/data/country_facts.csv`: facts with dates and sources of their own, over the table of countries.

A line says what one sender type, or the profile, of a country is from a date on. `deploy/merge_rule_facts.py` writes it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from core.engine.country_profile import CONTENT_FIELDS, Certainty, Permission, ProfileFact
from core.engine.country_rules import Grade
from core.errors import FieldError
from core.file_lines import Moment, Text, field_errors, place
from core.rules.fields import CountryCode
from core.rules.lines import FACT_FIELDS

#: Columns of the file, in their order.
COLUMNS = (
    *("country", "sender_type", "field", "old_value", "new_value", "effective_from", "effective_until"),
    *("source", "source_date", "confidence", "note"),
)

#: What stands in `sender_type` -> the column of the table of countries that speaks of it.
RULE_SUBJECTS: Mapping[str, str] = {
    "alpha_tag": "alphanumeric",
    "longcode_domestic": "long_code_domestic",
    "longcode_foreign": "long_code_international",
    "shortcode": "short_code",
    "tollfree": "toll_free",
    "10DLC": "ten_dlc",
    "shared_longcode": "shared_number",
}
PROFILE = "profile"

#: A fact whose sources contradict each other.
UNKNOWN = "unknown"

STATUSES = ("allowed", "registration_required", "overwritten", "prohibited", "unknown")
GRADES = tuple(grade.value for grade in Grade if grade is not Grade.COMPLIANT)
_PERMISSIONS = ("", UNKNOWN, *Permission)
_ANSWERS = {"yes": True, "no": False}

#: A space as a character of a list of characters, and the empty list.
SPACE, NOTHING = "space", "none"


def _empty_is_none(cell: Any) -> Any:
    return None if cell == "" else cell


Cell = Annotated[Text, AfterValidator(str.strip)]


class _FactRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    country: CountryCode
    sender_type: Literal[("profile", *RULE_SUBJECTS)]  # type: ignore[valid-type] # the names stand above
    field: Cell
    old_value: Cell
    new_value: Cell
    effective_from: Annotated[Moment | None, BeforeValidator(_empty_is_none)]
    effective_until: Annotated[Moment | None, BeforeValidator(_empty_is_none)]
    source: Cell
    source_date: Cell
    confidence: Certainty
    note: Cell


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the file. `sources` are short names, `as_of` says of each when, as in the table of countries."""

    country: str
    subject: str
    field: str
    old_value: str
    new_value: str
    effective_from: datetime | None
    effective_until: datetime | None
    sources: tuple[str, ...]
    as_of: str
    certainty: Certainty
    note: str

    @property
    def column(self) -> str | None:
        """The column of the table of countries that a fact on a rule corrects; None: it is the profile's."""
        return RULE_SUBJECTS.get(self.subject)

    def of_profile(self) -> ProfileFact:
        """As the engine reads it."""
        value = fact_value(self.field, self.new_value)
        dates = (self.effective_from, self.effective_until)
        return ProfileFact(self.field, value, *dates, self.sources, self.as_of, self.certainty, self.note)


def fact_value(name: str, cell: str) -> Any:
    """The value of a profile's field that a cell of the file means. Raises ValueError."""
    form = FACT_FIELDS[name]
    value: Any = cell
    if cell in _ANSWERS and form is FACT_FIELDS["alpha_letters_only"]:
        value = _ANSWERS[cell]
    elif name in {"alpha_characters", "alpha_not_first"}:
        value = "".join({SPACE: " ", NOTHING: ""}.get(each, each) for each in cell.split())
    elif name == "generic_words":
        value = tuple(word.strip() for word in cell.split(";") if word.strip())
    elif form is FACT_FIELDS["url_allowed"]:
        value = None if cell == UNKNOWN else cell
    elif cell.isascii() and cell.isdigit():
        value = int(cell)
    return TypeAdapter[Any](form).validate_python(value)


def read_facts(text: str) -> tuple[tuple[Fact, ...], tuple[FieldError, ...]]:
    """The facts of a file, and what is wrong with it by line and column."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        return (), (FieldError(place(1), f"is not the header of a file of facts: {','.join(COLUMNS)}"),)
    facts: list[Fact] = []
    errors: list[FieldError] = []
    for row in reader:
        line = reader.line_num
        try:
            fact = _fact(_FactRow.model_validate({**row}))
        except ValidationError as error:
            errors.extend(field_errors(error, line, _FactRow, "column"))
            continue
        wrong = tuple(_meaning_errors(fact, line))
        errors.extend(wrong)
        if not wrong:
            facts.append(fact)
    return tuple(facts), tuple(errors)


def _fact(row: _FactRow) -> Fact:
    sources = tuple(part.strip() for part in row.source.split(";") if part.strip())
    return Fact(
        country=row.country,
        subject=row.sender_type,
        field=row.field,
        old_value=row.old_value,
        new_value=row.new_value,
        effective_from=row.effective_from,
        effective_until=row.effective_until,
        sources=sources,
        as_of="; ".join(f"{source}:{row.source_date}" for source in sources),
        certainty=row.confidence,
        note=row.note,
    )


def _meaning_errors(fact: Fact, line: int) -> Iterator[FieldError]:
    if fact.column is None:
        if fact.field not in FACT_FIELDS:
            yield FieldError(
                place(line, "field", "column"), f"{fact.field!r} is no field of a profile that may be dated"
            )
            return
        try:
            fact_value(fact.field, fact.new_value)
        except ValueError:
            yield FieldError(place(line, "new_value", "column"), f"{fact.new_value!r} is no value of {fact.field}")
        return
    permissions = dict.fromkeys(CONTENT_FIELDS.values(), _PERMISSIONS)
    known = {"status": STATUSES, "unregistered": GRADES, "note": None, **permissions}
    if fact.field not in known:
        yield FieldError(place(line, "field", "column"), f"{fact.field!r} is not one of: {', '.join(known)}")
        return
    values = known[fact.field]
    for column, cell in (("old_value", fact.old_value), ("new_value", fact.new_value)):
        if values is not None and cell not in values:
            yield FieldError(place(line, column, "column"), f"{cell!r} is not one of: {', '.join(values)}")
