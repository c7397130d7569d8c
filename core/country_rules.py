"""Country rules: which sender types a recipient country accepts, from where, from when to when, and who says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.sender import Product, SenderType


class RuleStatus(StrEnum):
    """What a country does with a sender type."""

    ALLOWED = "allowed"
    REGISTRATION_REQUIRED = "registration_required"
    ALTERED = "altered"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class Grade(StrEnum):
    """How well a sender fares in a country; `altered` is delivered with the sender replaced or labelled."""

    COMPLIANT = "compliant"
    ALTERED = "altered"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class SenderOrigin(StrEnum):
    """Which senders a rule speaks of, seen from the recipient country."""

    DOMESTIC = "domestic"
    FOREIGN = "foreign"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class CountryRule:
    """One rule of one recipient country for one sender type.

    `effective_from` is inclusive, `effective_until` exclusive (aware UTC; None: no limit).
    `only_sender_countries`, where not empty, names the only sender countries that the rule admits.
    `unregistered` is the grade of a sender without approved registration where status is `registration_required`.
    """

    country: str
    sender_type: SenderType
    sender_country: SenderOrigin
    status: RuleStatus
    effective_from: datetime | None = None
    effective_until: datetime | None = None
    only_sender_countries: tuple[str, ...] = ()
    unregistered: Grade = Grade.BLOCKED
    sources: tuple[str, ...] = ()
    as_of: str = ""
    confidence: int = 0
    notes: str = ""
    override_reason: str | None = None

    def in_force(self, moment: datetime) -> bool:
        """Whether the rule holds at `moment` (aware UTC)."""
        return (self.effective_from is None or self.effective_from <= moment) and (
            self.effective_until is None or moment < self.effective_until
        )


@dataclass(frozen=True, slots=True)
class CountryProfile:
    """What a country's data says beside its rules. None: the data does not say."""

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


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules of one version. Immutable; shared by every decision of a worker until the rules' epoch changes."""

    version: str
    rules: Mapping[str, tuple[CountryRule, ...]] = field(default_factory=dict)
    profiles: Mapping[str, CountryProfile] = field(default_factory=dict)

    def rule_for(
        self, country: str, sender_type: SenderType, sender_country: str | None, product: Product, moment: datetime
    ) -> CountryRule | None:
        """The rule in force for one sender type from one sender country, the narrower origin first; None: none."""
        raise NotImplementedError
