"""The lines of an inventory file as people write them, as pydantic models.

A field that is left out takes its default in a new row and stays as it is in a known one; null is the default, said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from core.accounts.accounts import ACCOUNT_ID_MAX_CHARACTERS, AccountStatus, account_id_error
from core.accounts.api_keys import KEY_MAX_CHARACTERS, KEY_MIN_CHARACTERS, key_error
from core.accounts.senders import TRUST_MAX, completed, registration_errors, sender_errors
from core.countries import read_country
from core.defaults.strategies import Strategy
from core.encoding import ContractError, storable
from core.engine.destinations import DestinationMode
from core.errors import FieldError
from core.file_lines import Flag, Moment, document_errors
from core.inventory.lines import AccountLine, DefaultLine, DestinationLine, Kind, Line, RegistrationLine, SenderLine
from core.rules.shipped import shipped_countries
from core.sender import (
    Product,
    Registration,
    RegistrationStatus,
    Sender,
    SenderStatus,
    SenderType,
    TrafficClass,
)
from core.sender_ids import kept_if_readable

NAME_MAX_CHARACTERS = 500


def _storable(text: str) -> str:
    if not storable(text):
        raise ValueError("contains a character that cannot be stored")
    return text


def _account_id(text: str) -> str:
    if words := account_id_error(text):
        raise ValueError(words)
    return text


def _api_key(value: Any) -> Any:
    """Before pydantic looks at it, whose refusals may quote: a key is for nobody's eyes."""
    if words := key_error(value):
        raise ValueError(words)
    return value


StorableText = Annotated[StrictStr, AfterValidator(_storable)]
AccountId = Annotated[
    StorableText,
    AfterValidator(_account_id),
    Field(json_schema_extra={"minLength": 1, "maxLength": ACCOUNT_ID_MAX_CHARACTERS}),
]
Name = Annotated[StorableText, Field(min_length=1, max_length=NAME_MAX_CHARACTERS)]
ApiKeyText = Annotated[
    StrictStr,
    BeforeValidator(_api_key),
    Field(json_schema_extra={"minLength": KEY_MIN_CHARACTERS, "maxLength": KEY_MAX_CHARACTERS, "writeOnly": True}),
]
SenderId = Annotated[StorableText, AfterValidator(str.strip)]
Country = Annotated[
    StorableText,
    AfterValidator(lambda text: read_country(text, shipped_countries())),
    Field(description="ISO 3166-1 alpha-2; UK is read as GB"),
]
MaybeCountry = Annotated[Country | None, BeforeValidator(lambda value: None if value == "" else value)]
Trust = Annotated[StrictInt, Field(ge=0, le=TRUST_MAX)]
Rate = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


def _allow_null(schema: dict[str, Any]) -> None:
    """Say in a JSON schema that null is the default of a field that may be left out."""
    for name in schema["properties"].keys() - {"kind", *schema["required"]}:
        said = schema["properties"][name]
        if {"type": "null"} not in said.get("anyOf", ()):
            outside = {key: said.pop(key) for key in ("default", "description", "title") if key in said}
            schema["properties"][name] = {"anyOf": [said, {"type": "null"}]} | outside


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_allow_null)

    #: Required fields of which null is a value.
    nullable: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, document: Any) -> Any:
        if not isinstance(document, dict) or None not in document.values():
            return document
        said = cls.model_fields.keys() - cls.nullable
        return {name: value for name, value in document.items() if value is not None or name not in said}


class _LineDocument(_Document):
    def problems(self) -> list[FieldError]:
        """What is wrong with what the fields say together, beyond each field alone."""
        return []

    def line(self, number: int, given: frozenset[str]) -> Line:
        """The line that it is; `given`: the fields that it names."""
        raise NotImplementedError


class AccountDocument(_LineDocument):
    """An account, or with `parent` a sub-account."""

    kind: Literal["account"]
    account_id: AccountId
    name: Name | None = None
    parent: AccountId | None = Field(None, description="the account of which it is a sub-account")
    may_borrow: Flag = Field(True, description="whether a sub-account may use its account's senders")
    status: AccountStatus = AccountStatus.ACTIVE
    api_key: ApiKeyText | None = Field(None, description="kept as a hash; one that the account had before is not added")

    def line(self, number: int, given: frozenset[str]) -> AccountLine:
        """The line that it is."""
        values = {name: value for name, value in self if name != "kind"}
        return AccountLine(number, given, **values)


class SenderDocument(_LineDocument):
    """A sender of an account, or of the platform pool."""

    nullable = frozenset({"account_id"})

    kind: Literal["sender"]
    account_id: AccountId | None = Field(description="null: the platform pool")
    sender_id: SenderId = Field("", description="empty: a pool without a number of its own")
    sender_type: SenderType
    sender_country_code: Country | None = Field(None, description="of the sender itself; default: that of its number")
    status: SenderStatus = SenderStatus.ACTIVE
    purchased_at: Moment | None = None
    activated_at: Moment | None = None
    expires_at: Moment | None = None
    trust: Trust = 50
    two_way: Flag | None = Field(
        None, description="whether it can receive replies; a name never can, a number unless said"
    )
    mms: Flag = False
    messages_per_second: Rate | None = None
    traffic_classes: frozenset[TrafficClass] | None = Field(None, min_length=1, description="default: all")

    def problems(self) -> list[FieldError]:
        """What is wrong with the sender as a whole."""
        return sender_errors(self._sender())

    def line(self, number: int, given: frozenset[str]) -> SenderLine:
        """The line that it is."""
        return SenderLine(number, given, completed(self._sender()))

    def _sender(self) -> Sender:
        values = {name: value for name, value in self if name not in {"kind", "sender_country_code"}}
        values["sender_id"] = self.sender_id or None
        if self.two_way is None:
            values["two_way"] = self.sender_type is not SenderType.ALPHA_TAG
        return Sender(**values, country=self.sender_country_code)


class RegistrationDocument(_LineDocument):
    """The standing of a sender in one recipient country."""

    nullable = frozenset({"account_id"})

    kind: Literal["registration"]
    account_id: AccountId | None = Field(description="null: the platform pool")
    sender_id: SenderId = ""
    sender_type: SenderType
    country: Country
    status: RegistrationStatus
    valid_from: Moment | None = None
    valid_until: Moment | None = None

    def problems(self) -> list[FieldError]:
        """What is wrong with the registration as a whole."""
        return registration_errors(self._registration())

    def line(self, number: int, given: frozenset[str]) -> RegistrationLine:
        """The line that it is."""
        sender_id = kept_if_readable(self.sender_type, self.sender_id or None)
        return RegistrationLine(number, given, self.account_id, sender_id, self.sender_type, self._registration())

    def _registration(self) -> Registration:
        return Registration(self.country, self.status, self.valid_from, self.valid_until)


class StrategyDocument(_Document):
    """A sender of a default."""

    sender_type: SenderType
    sender_id: SenderId = Field("", description="empty: the shared numbers")
    sender_country_code: MaybeCountry = Field(None, description="of the sender itself; default: the inventory's")

    def strategy(self) -> Strategy:
        """As it is kept."""
        return Strategy(self.sender_type, self.sender_id or None, self.sender_country_code).as_kept


class DefaultDocument(_LineDocument):
    """The default senders of an account for a recipient country and a product, in the order in which they are tried."""

    kind: Literal["default"]
    account_id: AccountId
    country: Country
    product: Product = Product.SMS
    strategies: tuple[StrategyDocument, ...] = Field(min_length=1)

    def line(self, number: int, given: frozenset[str]) -> DefaultLine:
        """The line that it is."""
        strategies = tuple(each.strategy() for each in self.strategies)
        return DefaultLine(number, given, self.account_id, self.country, self.product, strategies)


class DestinationDocument(_LineDocument):
    """Whether an account, or a sub-account, sends to a country."""

    nullable = frozenset({"country"})

    kind: Literal["destination"]
    account_id: AccountId
    country: Country | None = Field(description="null: the rest of the world")
    mode: DestinationMode

    def line(self, number: int, given: frozenset[str]) -> DestinationLine:
        """The line that it is."""
        return DestinationLine(number, given, self.account_id, self.country, self.mode)


class _NotedStrategy(StrategyDocument):
    note: StorableText | None = None


class _Strategies(BaseModel):
    strategies: tuple[_NotedStrategy, ...]


def read_strategies(document: object) -> list[Strategy]:
    """The senders of one default, as a JSON list of them. Raises ContractError with every field to blame."""
    try:
        read = _Strategies.model_validate({"strategies": document})
    except ValidationError as error:
        raise ContractError([*document_errors(error, _Strategies)]) from None
    return [replace(each.strategy(), note=each.note) for each in read.strategies]


AnyDocument = AccountDocument | SenderDocument | RegistrationDocument | DefaultDocument | DestinationDocument

#: The document of each kind of line.
DOCUMENTS: Mapping[str, type[AnyDocument]] = {
    Kind.ACCOUNT: AccountDocument,
    Kind.SENDER: SenderDocument,
    Kind.REGISTRATION: RegistrationDocument,
    Kind.DEFAULT: DefaultDocument,
    Kind.DESTINATION: DestinationDocument,
}

AnyLine = TypeAdapter[Any](Annotated[AnyDocument, Discriminator("kind")])
