"""The documents of `/v1`, by the names that the command line and the inventory file use."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from core.accounts.accounts import AccountStatus
from core.content.segments import Encoding
from core.defaults.assign_all import AssignOutcome
from core.defaults.strategies import MAX_STRATEGIES
from core.engine.country_profile import Certainty, Permission
from core.engine.country_rules import Grade, RuleStatus, SenderOrigin
from core.engine.decision import Rejection, Source
from core.engine.destinations import DestinationMode
from core.errors import ParkReason
from core.parked.store import ParkedState
from core.sender import Product, RegistrationStatus, SenderStatus, SenderType, TrafficClass

_MOMENT = "2026-01-31T12:00:00.000000Z"


class AccountOut(BaseModel):
    """An account; `parent` is the account above a sub-account, whose senders it may use where `may_borrow` is true."""

    account_id: str = Field(examples=["acme"])
    user_id: int = Field(examples=[123456])
    name: str | None
    parent: str | None
    may_borrow: bool
    status: AccountStatus
    created_at: datetime = Field(examples=[_MOMENT])


class AccountPage(BaseModel):
    """The account itself first, then its sub-accounts by id; `next_offset` null: the last page."""

    data: list[AccountOut]
    next_offset: str | None


class RegistrationOut(BaseModel):
    """A sender's standing in one country."""

    country: str = Field(examples=["GB"])
    status: RegistrationStatus
    valid_from: datetime | None
    valid_until: datetime | None


class SenderOut(BaseModel):
    """A sender; `account_id` null is the platform pool."""

    account_id: str | None
    sender_id: str | None = Field(examples=["+61491570006"])
    sender_type: SenderType
    sender_country_code: str | None = Field(examples=["AU"])
    status: SenderStatus
    purchased_at: datetime | None
    activated_at: datetime | None
    expires_at: datetime | None
    trust: int
    two_way: bool
    mms: bool
    messages_per_second: float | None
    traffic_classes: list[TrafficClass] | None
    registrations: list[RegistrationOut]


class SenderPage(BaseModel):
    """Senders in the order in which they were added; `next_offset` null: the last page."""

    data: list[SenderOut]
    next_offset: int | None


class TrustOut(BaseModel):
    """What receipts say of a sender in one country, each counting less the older it is."""

    account_id: str | None = Field(description="null: the platform pool")
    sender_id: str | None = Field(examples=["+61491570006"])
    sender_type: SenderType
    country: str = Field(description="of the recipients", examples=["AU"])
    trust: int | None = Field(description="0 to 100, in steps; null: that of the inventory counts", examples=[95])
    unhealthy: bool = Field(description="most of its latest messages failed; it is ranked last among its equals")
    delivered_percent: float | None = Field(examples=[97.2])
    messages: int | None = Field(examples=[12400])
    as_of: datetime | None = Field(description="when the figures were published")
    frozen_at: datetime | None = Field(description="since when receipts change nothing of it; null: they do")


class TrustPage(BaseModel):
    """Measured senders by country and sender; `next_offset` null: the last page."""

    data: list[TrustOut]
    next_offset: str | None


class RuleOut(BaseModel):
    """One rule: who says so, as of when, and what a sender is worth under it, registered or not."""

    country: str = Field(examples=["AU"])
    sender_type: SenderType
    sender_country: SenderOrigin
    status: RuleStatus
    effective_from: datetime | None
    effective_until: datetime | None
    only_sender_countries: list[str]
    unregistered: Grade
    sources: list[str]
    as_of: str = Field(examples=["2026-01-31"])
    confidence: int
    sources_total: int
    notes: str
    override_reason: str | None
    certainty: Certainty | None
    url_allowed: Permission | None = Field(description="links in texts; null: as the country's profile has it")
    shortener_allowed: Permission | None
    phone_allowed: Permission | None
    in_force: bool
    grade: Grade
    grade_unregistered: Grade


class CountryRulesOut(BaseModel):
    """All rules of a country, past and to come, and what else is known of it."""

    country: str = Field(examples=["AU"])
    rules_version: str
    rules: list[RuleOut]
    profile: dict[str, Any]


class RulesOut(BaseModel):
    """The countries of the rules in use."""

    rules_version: str
    countries: list[str]


class ChosenSender(BaseModel):
    """The sender that a decision gives."""

    sender_id: str | None
    sender_type: SenderType
    sender_country_code: str | None


class PoolMemberOut(ChosenSender):
    """One of the senders that recipients share; where it is, only where the nearest goes first."""

    share: Annotated[float, Field(ge=0, le=1)] | None = Field(description="null: recipients are not spread")
    area_code: str | None = None
    region: str | None = None


class CandidateOut(BaseModel):
    """One sender that was looked at: its rank, or the code of what it failed."""

    sender_id: str | None
    sender_type: SenderType | None
    sender_country_code: str | None
    account_id: str | None
    grade: Grade
    rank: int | None
    rejected: Rejection | None
    detail: str


class AlternateOut(ChosenSender):
    """A sender that would come next."""

    grade: Grade


class DestinationModeOut(BaseModel):
    """Whether the account sends to the country, by whose setting, and for which country or the `rest` that was set."""

    mode: DestinationMode
    set_by: str | None = Field(description="null: DEFAULT_DESTINATION")
    set_for: str | None


class ContentOut(BaseModel):
    """What a text holds that the recipient's country has a rule for."""

    has_url: bool
    has_shortener: bool
    has_phone: bool


class DecisionOut(BaseModel):
    """A decision; without a sender, `reason` is the code under which the message would be parked."""

    decision_id: str | None
    sender: ChosenSender | None
    account_id: str | None
    subaccount_id: str | None
    country: str | None
    product: Product
    traffic_class: TrafficClass
    reply_expected: bool
    source: Source | None
    grade: Grade | None
    reason: str
    warnings: list[str]
    rules_version: str | None
    valid_until: datetime | None
    destination: DestinationModeOut | None = Field(None, description="null where the account itself is the problem")
    sentence: str
    alternates: list[AlternateOut] = Field(description="who would come next, in order, if the sender failed")
    candidates: list[CandidateOut]
    content: ContentOut | None = Field(None, description="only where the text holds what the country has a rule for")
    pool: list[PoolMemberOut] | None = Field(None, description="only where recipients share equal senders")


class SenderForecastOut(ChosenSender):
    """What one sender takes of a country: messages by its share, segments, and the least time at its rate."""

    messages: int
    segments: int | None
    messages_per_second: float | None
    seconds: float | None
    price: str | None = Field(description="of a segment, decimal text")
    currency: str | None
    cost: str | None


class BottleneckOut(ChosenSender):
    """The sender that takes longest."""

    messages_per_second: float | None
    seconds: float


class ForecastOut(BaseModel):
    """What it takes; null where texts or rates are not known."""

    encoding: Encoding | None = Field(description="of most texts")
    segments: int | None
    seconds: float | None = Field(description="that its senders need at least")
    bottleneck: BottleneckOut | None
    cost: dict[str, str] = Field(description="decimal text by currency, by the imported price list")
    unpriced: int = Field(description="messages for which the price list has no price")


class ContentPartOut(ContentOut):
    """The recipients of a country whose texts hold the same."""

    recipients: int
    sendable: int
    sender: ChosenSender | None
    reason: str


class CountryPreviewOut(ForecastOut):
    """One country of a campaign: who would send, and how many recipients cannot be reached, by code."""

    country: str = Field(examples=["AU"])
    recipients: int
    sendable: int
    unsendable: dict[str, int]
    sender: ChosenSender | None
    source: Source | None
    grade: Grade | None
    reason: str
    detail: str
    warnings: list[str]
    destination: DestinationModeOut | None
    senders: list[SenderForecastOut]
    contents: list[ContentPartOut] | None = Field(
        None, description="only where the country has rules for what texts hold"
    )
    pool: list[PoolMemberOut] | None = Field(None, description="only where recipients share equal senders")


class PreviewOut(ForecastOut):
    """A campaign as it would be sent; `invalid` recipients belong to no country, `repeats` are numbers that came before."""

    countries: list[CountryPreviewOut]
    invalid: int
    recipients: int
    sendable: int
    repeats: int | None


class ProgressOut(BaseModel):
    """How far a campaign is; `received` recipients were dispatched, parked or dropped as duplicates."""

    campaign_id: str
    received: int
    dispatched: int
    parked: dict[str, int]
    duplicates: int
    batches: int
    total_batches: int | None
    complete: bool
    resent: int = Field(
        0,
        description="recipients dispatched once more, by another sender; counted apart, and left out with the next where both are 0",
    )
    resend_parked: int = Field(0, description="resends that were parked")


class ListedCampaign(ProgressOut):
    """A campaign of a list, and when its first and its latest batch were settled."""

    started_at: datetime | None
    updated_at: datetime | None


class CampaignPage(BaseModel):
    """The newest first; `next_offset` null: the last page."""

    data: list[ListedCampaign]
    next_offset: str | None


class FieldOut(BaseModel):
    """A field of a parked message that is to blame."""

    field: str
    reason: str


class ParkedOut(BaseModel):
    """A message or batch that could not be dispatched."""

    parked_id: str
    #: Other codes are those of a newer version.
    reason: ParkReason | str
    detail: str
    fields: list[FieldOut]
    message_id: str | None
    campaign_id: str | None
    batch_id: str | None
    account_id: str | None
    subaccount_id: str | None
    country: str | None
    lane: str
    parked_at: datetime
    state: ParkedState | str
    state_changed_at: datetime | None


class ParkedDetailOut(ParkedOut):
    """The same with the document as it came in, empty once dropped: as text, or where it is not UTF-8 in base64."""

    original: str | None = None
    original_base64: str | None = None


class ParkedPage(BaseModel):
    """The newest first; `next_offset` null: the last page."""

    data: list[ParkedOut]
    next_offset: str | None


class ReplayedOut(BaseModel):
    """How many documents went back to their queues; the others were replayed or dropped before, or are not yours."""

    replayed: int


class ErasedCounts(BaseModel):
    """How much was looked through and erased: `documents` lost all content, `recipients` were taken out of batches."""

    searched: int
    documents: int
    recipients: int
    ids: int
    unread: int


class ErasureOut(BaseModel):
    """One erasure: never whose number it was."""

    erasure_id: str
    erased_at: datetime
    erased_by: str
    account_id: str | None
    counts: ErasedCounts


class ErasureList(BaseModel):
    """The newest first."""

    data: list[ErasureOut]


class StrategyStored(BaseModel):
    """One sender of a stored default."""

    sender_type: SenderType
    sender_id: str | None
    sender_country_code: str | None
    note: str | None
    status: str


class StrategiesStored(BaseModel):
    """A default as it stood."""

    strategies: list[StrategyStored] = Field(max_length=MAX_STRATEGIES)


class HistoryOut(BaseModel):
    """One change of a default; `before` null: created, `after` null: removed."""

    country: str
    product: Product
    changed_at: datetime
    changed_by: str
    before: StrategiesStored | None
    after: StrategiesStored | None


class DestinationOut(BaseModel):
    """What an account has set for a country; `country` null: for the rest of the world."""

    account_id: str
    country: str | None
    mode: DestinationMode
    changed_at: datetime
    changed_by: str


class DestinationChangeOut(BaseModel):
    """A destination before and after; null: nothing is set, and the next setting counts."""

    country: str | None
    before: DestinationMode | None
    after: DestinationMode | None
    changed: bool


class DestinationHistoryOut(BaseModel):
    """One change of a destination; `before` null: set for the first time, `after` null: removed."""

    country: str | None
    changed_at: datetime
    changed_by: str
    before: DestinationMode | None
    after: DestinationMode | None


class RiskOut(BaseModel):
    """A strategy that cannot be used, or not for long; `at_risk_from` null: nobody knows since when."""

    sender_type: SenderType
    sender_id: str | None
    sender_country_code: str | None
    reason: Rejection
    detail: str
    usable_now: bool
    at_risk_from: datetime | None


class AtRiskOut(BaseModel):
    """A default sender at risk; `origin` tells a person's choice (`manual`) from one of assign-all (`assigned`)."""

    id: str
    account_id: str
    country: str
    product: Product
    strategies: list[StrategyStored]
    status: str
    origin: str
    created_at: datetime
    updated_at: datetime
    usable_now: bool
    at_risk_from: datetime | None
    risks: list[RiskOut]


class AssignmentOut(BaseModel):
    """One country: the sender that is its default then, and why; null: there is no default."""

    country: str
    outcome: AssignOutcome
    sender: ChosenSender | None
    reason: str
    detail: str
    destination: DestinationModeOut
