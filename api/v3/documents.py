"""The documents of ClickSend's default sender endpoints, in its own field names."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from api.strict import StrictModel
from core.countries import normal_country
from core.defaults.rows import StoredDefault
from core.defaults.strategies import MAX_STRATEGIES, NOTE_MAX_CHARACTERS, Strategy
from core.encoding import storable
from core.engine.decision import DefaultStatus
from core.moments import rfc3339
from core.sender import Product, SenderType


def _checked_text(text: str) -> str:
    if not storable(text):
        raise ValueError("must not contain NUL or half a surrogate pair")
    return text


_CountryCode = Annotated[str, AfterValidator(normal_country)]
_Note = Annotated[str, Field(max_length=NOTE_MAX_CHARACTERS), AfterValidator(_checked_text)]

_EXAMPLE_STRATEGY: dict[str, JsonValue] = {
    "sender_type": "longcode",
    "sender_id": "+61491570006",
    "sender_country_code": "AU",
}
_EXAMPLE_ID = "f99872cc-11a6-48ba-a9f2-bcfb6dd1e3d4"


class StrategyIn(StrictModel):
    """One sender to use; its place in the list is its priority."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE_STRATEGY]})

    sender_type: SenderType
    sender_id: str | None = Field(None, description="null or empty for `shared_longcode`")
    sender_country_code: _CountryCode | None = Field(
        None, description="required for numbers: own_number, longcode, tollfree, 10DLC, and whatever begins with +1"
    )
    note: _Note | None = None
    priority: int | None = Field(None, description="its place in the list, as answers name it; the list decides")
    status: DefaultStatus = Field(
        DefaultStatus.ENABLED, description="ours: a disabled strategy is kept, and passed over"
    )

    @property
    def strategy(self) -> Strategy:
        """As the core knows it."""
        return Strategy(
            self.sender_type,
            self.sender_id or None,
            self.sender_country_code or None,
            self.note,
            self.status.value,
        )


def _in_their_places(strategies: list[StrategyIn]) -> list[StrategyIn]:
    for place, each in enumerate(strategies, start=1):
        if each.priority not in {None, place}:
            raise ValueError(f"strategy {place} has priority {each.priority}: the order of the list is the priority")
    return strategies


_Strategies = Annotated[
    list[StrategyIn], Field(min_length=1, max_length=MAX_STRATEGIES), AfterValidator(_in_their_places)
]


class _StrategiesIn(StrictModel):
    default_sender_strategies: _Strategies

    @property
    def strategies(self) -> list[Strategy]:
        """As the core knows them."""
        return [each.strategy for each in self.default_sender_strategies]


class DefaultSenderUpdate(_StrategiesIn):
    """The strategies that replace those of a default sender."""

    country_code: _CountryCode | None = Field(None, description="cannot be changed: if given, as it is")
    product_type: Product | None = Field(None, description="cannot be changed: if given, as it is")


class DefaultSenderCreate(_StrategiesIn):
    """A default sender for one recipient country and product."""

    country_code: _CountryCode = Field(description="recipient country, ISO 3166-1 alpha-2", examples=["AU"])
    product_type: Product


class StrategyOut(BaseModel):
    """One sender of a default sender; `sender_id` is empty for a pool without a number of its own."""

    sender_type: SenderType
    sender_id: str = Field(examples=["+61491570006"])
    sender_country_code: str | None = Field(examples=["AU"])
    note: str | None
    priority: int = Field(ge=1, le=MAX_STRATEGIES)
    status: DefaultStatus


class DefaultSenderOut(BaseModel):
    """A default sender. `subaccount_id` is the number of its holder: of a sub-account, else the same as `user_id`."""

    id: UUID = Field(examples=[_EXAMPLE_ID])
    user_id: int = Field(examples=[123456])
    subaccount_id: int = Field(examples=[45678])
    country_code: str = Field(examples=["AU"])
    product_type: Product
    default_sender_strategies: list[StrategyOut]
    status: DefaultStatus
    created_timestamp: str = Field(examples=["2026-01-31T12:00:00.000000Z"])
    updated_timestamp: str = Field(examples=["2026-01-31T12:00:00.000000Z"])


class DefaultSenderPage(BaseModel):
    """One page; `next_page_url` null: the last."""

    data: list[DefaultSenderOut]
    per_page: int
    self_page_url: str
    next_page_url: str | None


class AllowedCountries(BaseModel):
    """Where a sender may come from: anywhere, or from these countries."""

    is_global: bool = Field(alias="global")
    country_codes: list[str]


class AllowedSenderType(BaseModel):
    """A sender type that the recipient country accepts."""

    sender_type: SenderType
    allowed_sender_countries: AllowedCountries


class CountryTypes(BaseModel):
    """What one recipient country accepts and refuses; of a type in neither list nothing is known."""

    recipient_country_code: str = Field(examples=["AU"])
    blocked_sender_types: list[SenderType]
    allowed_sender_types: list[AllowedSenderType]


class CompliantTypesData(BaseModel):
    """The countries asked for, or all."""

    data: list[CountryTypes]


def default_sender_document(default: StoredDefault) -> dict[str, Any]:
    """A stored default sender in ClickSend's field names."""
    strategies = enumerate(default.strategies, start=1)
    return {
        "id": str(default.default_id),
        "user_id": default.user_id,
        "subaccount_id": default.account_ref,
        "country_code": default.country,
        "product_type": default.product.value,
        "default_sender_strategies": [_strategy_document(each, priority) for priority, each in strategies],
        "status": default.status,
        "created_timestamp": rfc3339(default.created_timestamp),
        "updated_timestamp": rfc3339(default.updated_timestamp),
    }


def _strategy_document(strategy: Strategy, priority: int) -> dict[str, Any]:
    return {
        **strategy.naming_fields,
        "sender_id": strategy.sender_id or "",
        "note": strategy.note,
        "priority": priority,
        "status": strategy.status,
    }
