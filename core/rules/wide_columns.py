"""From a line of the wide rule file to a country's rules and profile: which column speaks of which sender type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from core.engine.country_rules import CountryProfile, CountryRule, Grade, RuleStatus, SenderOrigin
from core.moments import parse_moment
from core.rules.documents import ALPHA_MAX
from core.rules.wide_file import Row, dated_columns
from core.sender import SenderType

_STATUS = {
    "allowed": RuleStatus.ALLOWED,
    "registration_required": RuleStatus.REGISTRATION_REQUIRED,
    "overwritten": RuleStatus.ALTERED,
    "prohibited": RuleStatus.BLOCKED,
    "not_applicable": RuleStatus.BLOCKED,
    "unknown": RuleStatus.UNKNOWN,
}
_ANSWER = {"yes": True, "no": False, "unknown": None}

#: Where a number that the account did not buy from the platform may not be the sender.
_OWN_NUMBERS_REFUSED = ("CA", "US")

#: Countries whose toll-free and 10DLC numbers serve all of calling code 1.
_NORTH_AMERICAN_SENDERS = ("CA", "US")

#: A remark on the characters of a name that leaves letters alone, for all names of the country.
_LETTERS_ONLY = re.compile(r"\b(letters only|no digits)\b(?! for )")


@dataclass(frozen=True, slots=True)
class _Phase:
    cell: str
    unregistered: Grade
    effective_from: datetime | None = None
    effective_until: datetime | None = None

    @property
    def status(self) -> RuleStatus:
        return _STATUS[self.cell]


def rules_of(row: Row) -> tuple[CountryRule, ...]:
    """The rules of a checked line, a row of rules for each sender type; unknown ones are written out too."""
    return (
        *_rules(row, "alphanumeric", SenderType.ALPHA_TAG, SenderOrigin.ANY),
        *_numbers(row, SenderType.LONGCODE),
        *_own_numbers(row),
        *_national(row, "short_code", SenderType.SHORTCODE, "short codes are national"),
        *_toll_free(row),
        *_rules(row, "ten_dlc", SenderType.TEN_DLC, SenderOrigin.ANY, _north_american(row)),
        *_rules(row, "shared_number", SenderType.SHARED_LONGCODE, SenderOrigin.ANY),
    )


def profile_of(row: Row) -> CountryProfile:
    """What a checked line says of its country beside the rules."""
    letters_only = row.get("alpha_letters_only")
    return CountryProfile(
        country=row["country"],
        name=row["name"],
        calling_codes=_split(row["calling_code"]),
        two_way_long_code=_ANSWER[row["two_way_long_code"]],
        mms=_ANSWER[row["mms"]],
        alpha_max_length=int(row["alpha_max_length"] or ALPHA_MAX),
        alpha_letters_only=letters_only == "yes" if letters_only else bool(_LETTERS_ONLY.search(_charset(row))),
        alpha_charset_notes=_charset(row),
        generic_senders_blocked=_ANSWER[row["generic_senders_blocked"]],
        type_preference=tuple(SenderType(name) for name in _split(row.get("type_preference", ""))),
        confidence=int(row["confidence"]),
        sources=_split(row["sources"]),
        as_of=row["as_of"],
        notes=row["notes"],
        sources_total=int(row["sources_total"]),
        alpha_majority=_STATUS[row["alphanumeric_majority"]].value,
        alpha_local_registration=_ANSWER[row["alphanumeric_local_traffic_registration"]],
        delivery_receipts=row["dlr"],
    )


def _charset(row: Row) -> str:
    return row["alpha_charset_notes"]


def _split(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def _north_american(row: Row) -> tuple[str, ...]:
    return tuple(sorted({*_NORTH_AMERICAN_SENDERS, row["country"]}))


def _numbers(row: Row, sender_type: SenderType) -> Iterator[CountryRule]:
    yield from _rules(row, "long_code_domestic", sender_type, SenderOrigin.DOMESTIC)
    yield from _rules(row, "long_code_international", sender_type, SenderOrigin.FOREIGN)


def _own_numbers(row: Row) -> Iterator[CountryRule]:
    if row["country"] in _OWN_NUMBERS_REFUSED:
        yield _blocked(row, SenderType.OWN_NUMBER, SenderOrigin.ANY, "own numbers are refused here")
    else:
        yield from _numbers(row, SenderType.OWN_NUMBER)


def _toll_free(row: Row) -> Iterator[CountryRule]:
    if any(code.startswith("1") for code in _split(row["calling_code"])):
        yield from _rules(row, "toll_free", SenderType.TOLLFREE, SenderOrigin.ANY, _north_american(row))
    else:
        yield from _national(row, "toll_free", SenderType.TOLLFREE, "toll-free numbers are national")


def _national(row: Row, column: str, sender_type: SenderType, why: str) -> Iterator[CountryRule]:
    yield from _rules(row, column, sender_type, SenderOrigin.DOMESTIC)
    yield _blocked(row, sender_type, SenderOrigin.FOREIGN, why)


def _rules(
    row: Row, column: str, sender_type: SenderType, origin: SenderOrigin, only: tuple[str, ...] = ()
) -> Iterator[CountryRule]:
    for phase in _phases(row, column):
        status, why = _status(row, column, phase)
        yield CountryRule(
            country=row["country"],
            sender_type=sender_type,
            sender_country=origin,
            status=status,
            effective_from=phase.effective_from,
            effective_until=phase.effective_until,
            only_sender_countries=() if status is RuleStatus.BLOCKED else only,
            unregistered=phase.unregistered,
            sources=_split(row["sources"]),
            as_of=row["as_of"],
            confidence=int(row["confidence"]),
            notes=_notes(row, why),
            sources_total=int(row["sources_total"]),
        )


def _phases(row: Row, column: str) -> Iterator[_Phase]:
    since, before, unregistered = dated_columns(column)
    now = _Phase(row[column], Grade(row.get(unregistered) or Grade.BLOCKED))
    if not row.get(since):
        yield now
        return
    boundary = parse_moment(row[since])
    yield _Phase(row[before], Grade.BLOCKED, effective_until=boundary)
    yield _Phase(now.cell, now.unregistered, effective_from=boundary)


def _status(row: Row, column: str, phase: _Phase) -> tuple[RuleStatus, str]:
    replaced = column == "long_code_international" and row["long_code_international_overwritten"] == "yes"
    if replaced and phase.status is not RuleStatus.REGISTRATION_REQUIRED:
        return RuleStatus.ALTERED, "a foreign number arrives replaced"
    return phase.status, "this type does not exist here" if phase.cell == "not_applicable" else ""


def _blocked(row: Row, sender_type: SenderType, origin: SenderOrigin, why: str) -> CountryRule:
    return CountryRule(
        country=row["country"],
        sender_type=sender_type,
        sender_country=origin,
        status=RuleStatus.BLOCKED,
        sources=_split(row["sources"]),
        as_of=row["as_of"],
        confidence=int(row["confidence"]),
        notes=_notes(row, why),
        sources_total=int(row["sources_total"]),
    )


def _notes(row: Row, why: str) -> str:
    return "; ".join(filter(None, (why, row["notes"])))
