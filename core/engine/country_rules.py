"""Country rules: which sender types a recipient country accepts, from where, from when to when, and who says so."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from core.engine.country_profile import CONTENT_FIELDS, Certainty, CountryProfile, Permission, ProfileFact
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
    `confidence` counts the providers that agree on the country's name rule, `sources_total` those that spoke at all;
    where the rule rests on sources of its own, both count these, and `certainty` says how sure they are.
    `override_reason`, where set, marks a local correction.
    `url_allowed`, `shortener_allowed` and `phone_allowed` say who may send such a text from this sender type; None: as
    the country's profile has it.
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
    sources_total: int = 0
    certainty: Certainty | None = None
    url_allowed: Permission | None = None
    shortener_allowed: Permission | None = None
    phone_allowed: Permission | None = None

    def admits(self, sender_country: str | None) -> bool:
        """Whether the rule speaks for a sender of that country; an unnamed country is on no list."""
        return not self.only_sender_countries or sender_country in self.only_sender_countries

    def in_force(self, moment: datetime) -> bool:
        """Whether the rule holds at `moment` (aware UTC)."""
        return (self.effective_from is None or self.effective_from <= moment) and (
            self.effective_until is None or moment < self.effective_until
        )


@dataclass(frozen=True, slots=True)
class AllowedType:
    """A sender type that a country accepts: from anywhere, or from the sender countries named."""

    sender_type: SenderType
    is_global: bool
    country_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CompliantTypes:
    """The sender types that a country accepts and refuses; those that the data leaves open are in neither."""

    allowed: tuple[AllowedType, ...]
    blocked: tuple[SenderType, ...]


#: libphonenumber's regions that ISO 3166-1 counts under another code, whose rules they read.
REGION_HOMES = {"AC": "SH", "TA": "SH"}

_ACCEPTED = frozenset({RuleStatus.ALLOWED, RuleStatus.REGISTRATION_REQUIRED})
_REFUSED = frozenset({RuleStatus.ALTERED, RuleStatus.BLOCKED})

#: Types that need no country of their own: without one, only a rule for any origin speaks of them.
_COUNTRYLESS = frozenset({SenderType.ALPHA_TAG, SenderType.SHARED_LONGCODE})

_GRADES = {
    RuleStatus.ALLOWED: Grade.COMPLIANT,
    RuleStatus.ALTERED: Grade.ALTERED,
    RuleStatus.BLOCKED: Grade.BLOCKED,
    RuleStatus.UNKNOWN: Grade.UNKNOWN,
}

_RankedRules = Mapping[tuple[str, SenderType], tuple[CountryRule, ...]]


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules of one version. Immutable; shared by every decision of a worker until the rules' epoch changes.

    `content_countries` are those with a rule on what a text may hold, at whatever time, and whether one is on numbers.
    """

    version: str
    rules: Mapping[str, tuple[CountryRule, ...]] = field(default_factory=dict)
    profiles: Mapping[str, CountryProfile] = field(default_factory=dict)
    _ranked: _RankedRules = field(init=False, repr=False, compare=False)
    _boundaries: Mapping[str, tuple[datetime, ...]] = field(init=False, repr=False, compare=False)
    content_countries: Mapping[str, bool] = field(init=False, repr=False, compare=False)
    _profiles_seen: dict[tuple[str, int], CountryProfile] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ranked", _ranked(self.rules))
        dated = {
            country: _boundaries(rules, self.profiles[country].facts if country in self.profiles else ())
            for country, rules in self.rules.items()
        }
        object.__setattr__(self, "_boundaries", dated)
        looked_at = {
            country: _content_looked_at(held, self.profiles.get(country)) for country, held in self.rules.items()
        }
        looked_at |= {region: looked_at[home] for region, home in REGION_HOMES.items() if home in looked_at}
        numbers = CONTENT_FIELDS["has_phone"]
        content = {country: numbers in fields for country, fields in looked_at.items() if fields}
        object.__setattr__(self, "content_countries", content)

    @classmethod
    def of(cls, version: str, rules: Iterable[CountryRule], profiles: Iterable[CountryProfile] = ()) -> RuleBook:
        """A book of loose rules and profiles; a country with a profile alone is known too."""
        by_country = {profile.country: profile for profile in profiles}
        return cls(version, _grouped(rules, by_country), by_country)

    def knows(self, country: str) -> bool:
        """Whether the book speaks of the country at all, be it to say that nothing is known."""
        return self._home(country) in self.rules

    def countries(self) -> tuple[str, ...]:
        """The countries of the book in alphabetical order."""
        return tuple(sorted(self.rules))

    def profile(self, country: str, moment: datetime | None = None) -> CountryProfile:
        """What the book says of the country beside its rules; a bare profile where it says nothing.

        With a moment the dated facts in force then are put into their fields; without one the fields stand alone.
        """
        home = self._home(country)
        profile = self.profiles.get(home) or CountryProfile(home, home)
        if moment is None or not profile.facts:
            return profile
        key = (home, bisect_right(self._boundaries.get(home, ()), moment))
        seen = self._profiles_seen.get(key)
        if seen is None:
            seen = self._profiles_seen[key] = profile.at(moment)
        return seen

    def rules_of(self, country: str, moment: datetime | None = None) -> tuple[CountryRule, ...]:
        """The country's rules, overrides first; with a moment only those in force then."""
        rules = self.rules.get(self._home(country), ())
        return rules if moment is None else tuple(rule for rule in rules if rule.in_force(moment))

    def rule_for(
        self, country: str, sender_type: SenderType, sender_country: str | None, product: Product, moment: datetime
    ) -> CountryRule | None:
        """The rule in force for one sender type from one sender country; None: the book has none.

        Overrides go first, then the narrower origin. A sender without a country counts as foreign; a name or a
        shared pool without one reads the rule for any origin. The rule may still not admit the sender's country.
        """
        home = self._home(country)
        return self._rule(home, sender_type, self._origin(home, sender_type, sender_country), product, moment)

    def next_boundary(self, country: str, moment: datetime) -> datetime | None:
        """The first moment after `moment` at which a rule or fact of the country begins or ends; None: never again."""
        boundaries = self._boundaries.get(self._home(country), ())
        at = bisect_right(boundaries, moment)
        return boundaries[at] if at < len(boundaries) else None

    def with_overrides(self, overrides: Iterable[CountryRule]) -> RuleBook:
        """The same book with exactly these local corrections, under a version of its own; of two alike the later wins.

        Raises ValueError for one without `override_reason`.
        """
        kept = tuple(replace(rule, country=self._home(rule.country)) for rule in overrides)
        if any(rule.override_reason is None for rule in kept):
            raise ValueError("an override needs a reason")
        ordinary = {country: _ordinary(held) for country, held in self.rules.items()}
        known = [country for country, held in ordinary.items() if held or country in self.profiles]
        rules = (*reversed(kept), *(rule for held in ordinary.values() for rule in held))
        data_version = self.version.partition("+")[0]
        version = f"{data_version}+{_digest(kept)}" if kept else data_version
        return RuleBook(version, _grouped(rules, known), self.profiles)

    def compliant_types(self, country: str, product: Product, moment: datetime) -> CompliantTypes:
        """The sender types that the country accepts and refuses at `moment`, registered or not."""
        allowed: list[AllowedType] = []
        blocked: list[SenderType] = []
        for sender_type in SenderType:
            domestic, foreign = self._pair(self._home(country), sender_type, product, moment)
            admitted = self._allowed(country, sender_type, domestic, foreign)
            if admitted is not None:
                allowed.append(admitted)
            elif _refuses(domestic) and _refuses(foreign):
                blocked.append(sender_type)
        return CompliantTypes(tuple(allowed), tuple(blocked))

    def _home(self, country: str) -> str:
        return country if country in self.rules else REGION_HOMES.get(country, country)

    def _origin(self, home: str, sender_type: SenderType, sender_country: str | None) -> SenderOrigin:
        if sender_country is None:
            return SenderOrigin.ANY if sender_type in _COUNTRYLESS else SenderOrigin.FOREIGN
        return SenderOrigin.DOMESTIC if self._home(sender_country) == home else SenderOrigin.FOREIGN

    def _rule(
        self, home: str, sender_type: SenderType, origin: SenderOrigin, product: Product, moment: datetime
    ) -> CountryRule | None:
        for rule in self._ranked.get((home, sender_type), ()):
            if rule.sender_country in (SenderOrigin.ANY, origin) and rule.in_force(moment):
                return _for_mms(rule, self.profile(home).mms) if product == Product.MMS else rule
        return None

    def _pair(
        self, home: str, sender_type: SenderType, product: Product, moment: datetime
    ) -> tuple[CountryRule | None, CountryRule | None]:
        return (
            self._rule(home, sender_type, SenderOrigin.DOMESTIC, product, moment),
            self._rule(home, sender_type, SenderOrigin.FOREIGN, product, moment),
        )

    def _allowed(
        self, country: str, sender_type: SenderType, domestic: CountryRule | None, foreign: CountryRule | None
    ) -> AllowedType | None:
        at_home = _accepts(domestic) and domestic is not None and domestic.admits(country)
        own = {country} if at_home else set()
        if foreign is None or not _accepts(foreign):
            return AllowedType(sender_type, False, (country,)) if at_home else None
        if foreign.only_sender_countries:
            codes = {code for code in foreign.only_sender_countries if code != country} | own
            return AllowedType(sender_type, False, tuple(sorted(codes)))
        if not _refuses(domestic):
            return AllowedType(sender_type, True)
        return AllowedType(sender_type, False, tuple(code for code in self.countries() if code != country))


def grade_of(rule: CountryRule | None, registered: bool) -> Grade:
    """The grade that a rule gives to a sender, registered in the country or not; no rule: `unknown`.

    Where sources contradict each other, what they allow is unknown until the sender is registered.
    """
    if rule is None:
        return Grade.UNKNOWN
    if rule.status is RuleStatus.REGISTRATION_REQUIRED:
        return Grade.COMPLIANT if registered else rule.unregistered
    if rule.status is RuleStatus.ALLOWED and rule.certainty is Certainty.LOW and not registered:
        return Grade.UNKNOWN
    return _GRADES[rule.status]


def _ordinary(rules: Iterable[CountryRule]) -> tuple[CountryRule, ...]:
    return tuple(rule for rule in rules if rule.override_reason is None)


def _digest(rules: Iterable[CountryRule]) -> str:
    return sha256(repr([[str(part) for part in astuple(rule)] for rule in rules]).encode()).hexdigest()[:6]


def _accepts(rule: CountryRule | None) -> bool:
    return rule is not None and rule.status in _ACCEPTED and rule.certainty is not Certainty.LOW


def _refuses(rule: CountryRule | None) -> bool:
    return rule is not None and rule.status in _REFUSED


def _for_mms(rule: CountryRule, mms: bool | None) -> CountryRule:
    if rule.sender_type is SenderType.ALPHA_TAG:
        return replace(rule, status=RuleStatus.BLOCKED, notes="a name cannot carry MMS")
    if mms or rule.status is RuleStatus.BLOCKED:
        return rule
    if mms is None:
        return replace(rule, status=RuleStatus.UNKNOWN, notes="the data does not say whether MMS arrives here")
    return replace(rule, status=RuleStatus.BLOCKED, notes="MMS does not arrive here")


def _precedence(rule: CountryRule) -> tuple[bool, bool]:
    return rule.override_reason is None, rule.sender_country is SenderOrigin.ANY


def _ranked(rules: Mapping[str, tuple[CountryRule, ...]]) -> _RankedRules:
    ranked: dict[tuple[str, SenderType], list[CountryRule]] = {}
    for country, held in rules.items():
        for rule in held:
            ranked.setdefault((country, rule.sender_type), []).append(rule)
    return {key: tuple(sorted(held, key=_precedence)) for key, held in ranked.items()}


def _boundaries(rules: Iterable[CountryRule], facts: Iterable[ProfileFact]) -> tuple[datetime, ...]:
    dated: tuple[CountryRule | ProfileFact, ...] = (*rules, *facts)
    ends = {end for each in dated for end in (each.effective_from, each.effective_until) if end is not None}
    return tuple(sorted(ends))


def _content_looked_at(rules: Iterable[CountryRule], profile: CountryProfile | None) -> set[str]:
    """The fields on content in which somebody is refused something, at whatever time."""
    said: list[tuple[str, Permission | None]] = [
        (name, getattr(each, name))
        for name in CONTENT_FIELDS.values()
        for each in (*rules, profile)
        if each is not None
    ]
    said += [(fact.field, fact.value) for fact in (profile.facts if profile else ())]
    return {name for name, value in said if name in CONTENT_FIELDS.values() and value not in (None, Permission.YES)}


def _grouped(rules: Iterable[CountryRule], countries: Iterable[str]) -> dict[str, tuple[CountryRule, ...]]:
    grouped: dict[str, list[CountryRule]] = {country: [] for country in countries}
    for rule in rules:
        grouped.setdefault(rule.country, []).append(rule)
    return {country: tuple(held) for country, held in grouped.items()}
