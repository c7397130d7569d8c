"""From a line of the wide rule file to a country's rules and profile: which column speaks of which sender type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.engine.country_profile import CountryProfile, ProfileFact
from core.engine.country_rules import CountryRule, RuleStatus, SenderOrigin
from core.rules.fields import ALPHA_MAX
from core.rules.timelines import Phase
from core.rules.wide_file import Row
from core.sender import SenderType

#: Column -> what holds when.
Timelines = Mapping[str, Sequence[Phase]]

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


def rules_of(row: Row, timelines: Timelines) -> tuple[CountryRule, ...]:
    """The rules of a checked line, a row of rules for each sender type; unknown ones are written out too."""
    return tuple(_Reader(row, timelines).rules())


def profile_of(row: Row, facts: tuple[ProfileFact, ...] = ()) -> CountryProfile:
    """What a checked line says of its country beside the rules, with the dated facts on it."""
    letters_only = row.get("alpha_letters_only")
    return CountryProfile(
        country=row["country"],
        name=row["name"],
        calling_codes=_split(row["calling_code"]),
        two_way_long_code=_ANSWER[row["two_way_long_code"]],
        mms=_ANSWER[row["mms"]],
        alpha_max_length=int(row["alpha_max_length"] or ALPHA_MAX),
        alpha_letters_only=letters_only == "yes"
        if letters_only
        else bool(_LETTERS_ONLY.search(row["alpha_charset_notes"])),
        alpha_charset_notes=row["alpha_charset_notes"],
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
        facts=facts,
    )


def _split(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def _north_american(row: Row) -> tuple[str, ...]:
    return tuple(sorted({*_NORTH_AMERICAN_SENDERS, row["country"]}))


class _Reader:
    """One line, on its way to rules."""

    def __init__(self, row: Row, timelines: Timelines) -> None:
        self._row, self._timelines = row, timelines

    def rules(self) -> Iterator[CountryRule]:
        """All rules, by sender type."""
        yield from self._column("alphanumeric", SenderType.ALPHA_TAG, SenderOrigin.ANY)
        yield from self._numbers(SenderType.LONGCODE)
        yield from self._own_numbers()
        yield from self._national("short_code", SenderType.SHORTCODE, "short codes are national")
        yield from self._toll_free()
        yield from self._column("ten_dlc", SenderType.TEN_DLC, SenderOrigin.ANY, _north_american(self._row))
        yield from self._column("shared_number", SenderType.SHARED_LONGCODE, SenderOrigin.ANY)

    def _numbers(self, sender_type: SenderType) -> Iterator[CountryRule]:
        yield from self._column("long_code_domestic", sender_type, SenderOrigin.DOMESTIC)
        yield from self._column("long_code_international", sender_type, SenderOrigin.FOREIGN)

    def _own_numbers(self) -> Iterator[CountryRule]:
        if self._row["country"] in _OWN_NUMBERS_REFUSED:
            yield self._blocked(SenderType.OWN_NUMBER, SenderOrigin.ANY, "own numbers are refused here")
        else:
            yield from self._numbers(SenderType.OWN_NUMBER)

    def _toll_free(self) -> Iterator[CountryRule]:
        if any(code.startswith("1") for code in _split(self._row["calling_code"])):
            yield from self._column("toll_free", SenderType.TOLLFREE, SenderOrigin.ANY, _north_american(self._row))
        else:
            yield from self._national("toll_free", SenderType.TOLLFREE, "toll-free numbers are national")

    def _national(self, column: str, sender_type: SenderType, why: str) -> Iterator[CountryRule]:
        yield from self._column(column, sender_type, SenderOrigin.DOMESTIC)
        yield self._blocked(sender_type, SenderOrigin.FOREIGN, why)

    def _column(
        self, column: str, sender_type: SenderType, origin: SenderOrigin, only: tuple[str, ...] = ()
    ) -> Iterator[CountryRule]:
        for phase in self._timelines[column]:
            status, why = _status(self._row, column, phase)
            yield CountryRule(
                country=self._row["country"],
                sender_type=sender_type,
                sender_country=origin,
                status=status,
                effective_from=phase.effective_from,
                effective_until=phase.effective_until,
                only_sender_countries=() if status is RuleStatus.BLOCKED else only,
                unregistered=phase.unregistered,
                **phase.content,
                **_provenance(self._row, phase, why),
            )

    def _blocked(self, sender_type: SenderType, origin: SenderOrigin, why: str) -> CountryRule:
        provenance = _provenance(self._row, Phase("prohibited"), why)
        return CountryRule(self._row["country"], sender_type, origin, RuleStatus.BLOCKED, **provenance)


def _status(row: Row, column: str, phase: Phase) -> tuple[RuleStatus, str]:
    status = _STATUS[phase.cell]
    replaced = column == "long_code_international" and row["long_code_international_overwritten"] == "yes"
    if replaced and status is not RuleStatus.REGISTRATION_REQUIRED:
        return RuleStatus.ALTERED, "a foreign number arrives replaced"
    return status, "this type does not exist here" if phase.cell == "not_applicable" else ""


def _provenance(row: Row, phase: Phase, why: str) -> dict[str, Any]:
    """Who says so: the facts, the newest first, then the line's sources where these say the same."""
    facts = phase.facts
    sources = [source for fact in facts for source in fact.sources]
    as_of = [part for fact in facts for part in _split(fact.as_of)]
    confidence = total = len(set(sources))
    if phase.on_the_line:
        as_of += [part for part in _split(row["as_of"]) if part.partition(":")[0] not in sources]
        sources += _split(row["sources"])
        confidence, total = int(row["confidence"]), int(row["sources_total"])
    return {
        "sources": tuple(dict.fromkeys(sources)),
        "as_of": "; ".join(dict.fromkeys(as_of)),
        "confidence": confidence,
        "sources_total": total,
        "notes": "; ".join(dict.fromkeys(filter(None, (why, *(fact.note for fact in facts), row["notes"])))),
        "certainty": phase.certainty,
    }
