"""The lines of a rule file in the long form, as pydantic reads them: a country's profile with its facts, and a rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, TypeAdapter, ValidationError, model_validator

from core.engine.country_profile import CONTENT_FIELDS, Certainty, CountryProfile, Permission, ProfileFact
from core.engine.country_rules import CountryRule, Grade, RuleStatus, SenderOrigin
from core.file_lines import Flag, Moment, Text
from core.rules.fields import AlphaLength, Count, CountryCode, MarkedWord, MaybeMarkedWord
from core.sender import SenderType

_MAYBE_PERMISSION = Permission | None

#: Dated fields of a profile -> the form of their values.
FACT_FIELDS: Mapping[str, Any] = {
    "two_way_long_code": Flag,
    "alpha_min_length": AlphaLength,
    "alpha_max_length": AlphaLength,
    "alpha_letters_only": Flag,
    "alpha_characters": Text,
    "alpha_not_first": Text,
    "alpha_needs_letter": Flag,
    "alpha_charset_notes": Text,
    "alpha_case_sensitive": Flag,
    "alpha_local_registration": Flag,
    "generic_senders_blocked": Flag,
    "generic_words": tuple[MarkedWord, ...],
    "promotional_affix": MaybeMarkedWord,
    "promotional_allowed": _MAYBE_PERMISSION,
    "promotional_window": Text,
    **dict.fromkeys(CONTENT_FIELDS.values(), _MAYBE_PERMISSION),
}
_FACT_READERS = {name: TypeAdapter[Any](form) for name, form in FACT_FIELDS.items()}


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FactLine(_Line):
    """A fact of a profile with dates and source of its own; while it holds it takes the place of the field."""

    field: Literal[tuple(FACT_FIELDS)]  # type: ignore[valid-type] # mypy wants the names written out
    value: Any = Field(description="as the field itself would hold it")
    effective_from: Moment | None = None
    effective_until: Moment | None = None
    sources: tuple[Text, ...] = ()
    as_of: Text = ""
    certainty: Certainty | None = None
    notes: Text = ""

    @model_validator(mode="after")
    def _read_value(self) -> FactLine:
        try:
            value = _FACT_READERS[self.field].validate_python(self.value)
        except ValidationError as error:
            raise ValueError(f"{self.value!r} is no value of {self.field}: {error.errors()[0]['msg']}") from None
        object.__setattr__(self, "value", value)
        return self

    def fact(self) -> ProfileFact:
        """As the engine reads it."""
        return ProfileFact(**dict(self))


class CountryLine(_Line):
    """What is known of a country beside its rules; null: not known."""

    kind: Literal["country"]
    country: CountryCode
    name: Text
    calling_codes: tuple[Text, ...] = ()
    two_way_long_code: Flag | None = None
    mms: Flag | None = None
    alpha_max_length: AlphaLength = 11
    alpha_letters_only: Flag = False
    alpha_charset_notes: Text = ""
    generic_senders_blocked: Flag | None = None
    type_preference: tuple[SenderType, ...] = ()
    alpha_majority: Text = "unknown"
    alpha_local_registration: Flag | None = None
    delivery_receipts: Text = "unknown"
    confidence: Count = 0
    sources_total: Count = 0
    sources: tuple[Text, ...] = ()
    as_of: Text = ""
    notes: Text = ""
    alpha_case_sensitive: Flag | None = None
    alpha_min_length: AlphaLength = 3
    alpha_characters: Text | None = Field(
        None, description="beside A to Z, a to z and 0 to 9; null: any that are legal"
    )
    alpha_not_first: Text = ""
    alpha_needs_letter: Flag = False
    generic_words: tuple[MarkedWord, ...] = ()
    promotional_affix: MaybeMarkedWord = ""
    promotional_allowed: Permission | None = None
    promotional_window: Text = ""
    url_allowed: Permission | None = Field(None, description="links in texts, from every sender type")
    shortener_allowed: Permission | None = Field(None, description="links by a public shortener")
    phone_allowed: Permission | None = Field(None, description="telephone numbers in texts")
    facts: tuple[FactLine, ...] = ()

    def profile(self) -> CountryProfile:
        """As the engine reads it."""
        values = {name: value for name, value in self if name not in {"kind", "facts"}}
        return CountryProfile(**values, facts=tuple(line.fact() for line in self.facts))


class RuleLine(_Line):
    """What a country does with a sender type, from where, and from when to when."""

    kind: Literal["rule"]
    country: CountryCode
    sender_type: SenderType
    sender_country: SenderOrigin
    status: RuleStatus
    effective_from: Moment | None = None
    effective_until: Moment | None = None
    only_sender_countries: tuple[CountryCode, ...] = ()
    unregistered: Grade = Grade.BLOCKED
    sources: tuple[Text, ...] = ()
    as_of: Text = ""
    confidence: Count = 0
    sources_total: Count = 0
    notes: Text = ""
    certainty: Certainty | None = None
    url_allowed: Permission | None = Field(None, description="links in texts; null: as the country's line has it")
    shortener_allowed: Permission | None = None
    phone_allowed: Permission | None = None

    def rule(self) -> CountryRule:
        """As the engine reads it."""
        return CountryRule(**{name: value for name, value in self if name != "kind"})


#: The line of each kind; an override is no part of a file: it survives files.
LINES: Mapping[str, type[CountryLine | RuleLine]] = {"country": CountryLine, "rule": RuleLine}

AnyLine = TypeAdapter[Any](Annotated[CountryLine | RuleLine, Discriminator("kind")])
