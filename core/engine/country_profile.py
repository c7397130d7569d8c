"""What a country's data says beside its rules: how names must look, promotion, links; each fact with dates and source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.sender import SenderType


class Permission(StrEnum):
    """Whether something may be sent: by anybody, by registered senders only, or by nobody."""

    YES = "yes"
    REGISTRATION = "registration"
    NO = "no"


class Certainty(StrEnum):
    """How sure a fact is: a regulator or several sources that agree, one good source, or sources that contradict."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


#: What a text may hold -> the field that says who may send it, of a profile and of a rule.
CONTENT_FIELDS = {"has_url": "url_allowed", "has_shortener": "shortener_allowed", "has_phone": "phone_allowed"}


@dataclass(frozen=True, slots=True)
class ProfileFact:
    """A fact with dates and source of its own; in force it takes the place of the profile's field of that name.

    `effective_from` is inclusive, `effective_until` exclusive (aware UTC; None: no limit).
    """

    field: str
    value: Any
    effective_from: datetime | None = None
    effective_until: datetime | None = None
    sources: tuple[str, ...] = ()
    as_of: str = ""
    certainty: Certainty | None = None
    notes: str = ""

    def in_force(self, moment: datetime) -> bool:
        """Whether the fact holds at `moment` (aware UTC)."""
        return (self.effective_from is None or self.effective_from <= moment) and (
            self.effective_until is None or moment < self.effective_until
        )


@dataclass(frozen=True, slots=True)
class CountryProfile:
    """What a country's data says beside its rules. None: the data does not say.

    `alpha_characters` are those that a name may hold beside A to Z, a to z and 0 to 9 (None: what the form of names
    admits); none of `alpha_not_first` begins it. `alpha_case_sensitive`: the registry counts the case of a registered
    name, so another spelling is another name.
    `generic_words` are generic in this country beside those that are so everywhere, and `promotional_affix` is what
    marks a promotional name. In both a star stands for any characters: `INFO` is the whole name, `*INFO*` is
    contained in it, `AD-*` begins it.
    `url_allowed`, `shortener_allowed` and `phone_allowed`: links, links by a public shortener and telephone numbers in
    texts, whatever the sender type, unless its rule says otherwise.
    `facts` are the dated ones; `at` puts those in force into the fields.
    """

    country: str
    name: str
    calling_codes: tuple[str, ...] = ()
    two_way_long_code: bool | None = None
    mms: bool | None = None
    alpha_max_length: int = 11
    alpha_letters_only: bool = False
    alpha_charset_notes: str = ""
    generic_senders_blocked: bool | None = None
    type_preference: tuple[SenderType, ...] = ()
    confidence: int = 0
    sources: tuple[str, ...] = ()
    as_of: str = ""
    notes: str = ""
    sources_total: int = 0
    alpha_majority: str = "unknown"
    alpha_local_registration: bool | None = None
    delivery_receipts: str = "unknown"
    alpha_case_sensitive: bool | None = None
    alpha_min_length: int = 3
    alpha_characters: str | None = None
    alpha_not_first: str = ""
    alpha_needs_letter: bool = False
    generic_words: tuple[str, ...] = ()
    promotional_affix: str = ""
    promotional_allowed: Permission | None = None
    promotional_window: str = ""
    url_allowed: Permission | None = None
    shortener_allowed: Permission | None = None
    phone_allowed: Permission | None = None
    facts: tuple[ProfileFact, ...] = ()

    def at(self, moment: datetime) -> CountryProfile:
        """The profile with the facts in force at `moment` (aware UTC); of two on one field the later begun counts."""
        held = sorted((fact for fact in self.facts if fact.in_force(moment)), key=_begin)
        return replace(self, **{fact.field: fact.value for fact in held}) if held else self

    def counts_case(self, moment: datetime) -> bool:
        """Whether the registry counts the case of a name at `moment` (aware UTC), or from a day after it."""
        coming = (
            fact.value
            for fact in self.facts
            if fact.field == "alpha_case_sensitive" and fact.effective_from is not None and moment < fact.effective_from
        )
        return bool(self.at(moment).alpha_case_sensitive) or any(coming)


def _begin(fact: ProfileFact) -> tuple[bool, datetime | None]:
    return (False, None) if fact.effective_from is None else (True, fact.effective_from)


def matches(word: str, name: str) -> bool:
    """Whether `name` is the word, begins with it (`AD-*`), ends with it (`*-AD`) or contains it (`*AD*`); case counts."""
    core = word.strip("*")
    if word.startswith("*"):
        return core in name if word.endswith("*") else name.endswith(core)
    return name.startswith(core) if word.endswith("*") else name == core
