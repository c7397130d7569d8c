"""`/v1/campaigns`: what a campaign would come to, and how far one is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import ConfigDict, Field, JsonValue, StrictBool

from api.admission import BASIC, AdmittedRoute, Parts, Viewer, family_member
from api.envelope import Success, failures, success
from api.sending import sending_ids
from api.strict import StrictModel
from api.v1.decisions import STAND_IN_MEDIA
from api.v1.documents import CampaignPage, PreviewOut, ProgressOut
from api.v1.pages import page_of
from api.v1.parameters import AccountId, Offset, PerPage
from core.campaigns.batch import read_batch
from core.campaigns.progress import listed_campaign
from core.contract.models import MAX_RECIPIENTS, BatchSender, Body, CountryHint
from core.errors import FieldError, RefusedError
from core.previews.audience import audience_of
from core.previews.campaign import preview
from core.previews.forecast import Forecast, PriceLimit
from core.prices.store import Prices
from core.sender import Product, SenderType, TrafficClass

router = APIRouter(prefix="/v1/campaigns", tags=["Campaigns"], route_class=AdmittedRoute, dependencies=[BASIC])

#: What a batch must have and a preview never looks at.
_STAND_IN = {"campaign_id": "preview", "batch_id": "preview", "body": "preview"}

_EXAMPLE: dict[str, JsonValue] = {"recipients": [{"to": "+61491570156"}, {"to": "07400 123456", "country": "GB"}]}


class CampaignQuestion(StrictModel):
    """A campaign as far as its senders depend on it; a recipient that breaks the contract is counted, not refused."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    recipients: list[Any] = Field(
        min_length=1, max_length=MAX_RECIPIENTS, description="each `{to, country?}`, as in a campaign batch"
    )
    account_id: str | None = Field(None, description="a sub-account; left out: the account that asks")
    senders: list[BatchSender] | None = Field(None, description="senders for some countries, as in a campaign batch")
    country: CountryHint | None = None
    product: Product = Product.SMS
    sender_id: str | None = None
    sender_type: SenderType | None = None
    traffic_class: TrafficClass = TrafficClass.TRANSACTIONAL
    reply_expected: StrictBool = False
    body: Body | None = Field(
        None, description="the text of all recipients without one; left out: no forecast of segments"
    )
    max_price: str | None = Field(
        None, max_length=32, description="refuse a campaign that costs more: `250`, or `250 EUR`", examples=["250 EUR"]
    )


@router.post("/preview", response_model=Success[PreviewOut], responses=failures(400, 404, 413))
def preview_campaign(body: CampaignQuestion, viewer: Viewer, parts: Parts) -> Response:
    """Per country the sender, and how many recipients cannot be reached and why; nothing is stored or sent."""
    member = family_member(parts, viewer, body.account_id)
    media = STAND_IN_MEDIA if body.product is Product.MMS else {}
    limit = _limit(body.max_price)
    shared = body.model_dump(exclude_none=True, exclude={"max_price"})
    batch = read_batch({**_STAND_IN, **shared, **media, **sending_ids(member)})
    rules = parts.rules()
    found = preview(
        batch,
        audience_of(batch, rules.content_countries, text_known=body.body is not None),
        parts.store,
        rules,
        parts.settings.policy,
        now=parts.store.clock(),
        prices=Prices(parts.store).price_list(),
    )
    if limit is not None:
        _check(limit, found.forecast)
    return success(found.document(), "Campaign previewed.")


@router.get("", response_model=Success[CampaignPage], responses=failures(404))
def list_campaigns(
    viewer: Viewer, parts: Parts, account_id: AccountId = None, offset: Offset = None, per_page: PerPage = 100
) -> Response:
    """The campaigns of an account of which a batch was settled, the newest first, for as long as they are counted."""
    member = family_member(parts, viewer, account_id)
    found = parts.progress.listed(member.account_id, limit=per_page + 1, after=offset)
    return success(page_of(found, per_page, listed_campaign, lambda each: each.campaign_id), "Campaigns retrieved.")


def _limit(text: str | None) -> PriceLimit | None:
    try:
        return None if text is None else PriceLimit.read(text)
    except ValueError as error:
        raise RefusedError("the request is refused", [FieldError("max_price", str(error))]) from None


def _check(limit: PriceLimit, forecast: Forecast) -> None:
    try:
        limit.check(forecast)
    except RefusedError as error:
        raise RefusedError(str(error), [FieldError("max_price", str(error))]) from None


@router.get("/{campaign_id:path}", response_model=Success[ProgressOut], responses=failures(404))
def campaign_status(
    campaign_id: Annotated[str, Path(description="the id that its batches carry")],
    viewer: Viewer,
    parts: Parts,
    account_id: AccountId = None,
) -> Response:
    """How far a campaign is. One that an account sends for a sub-account is the account's."""
    member = family_member(parts, viewer, account_id)
    progress = parts.progress.find(campaign_id, member.account_id)
    return success(progress.document(), "Campaign status retrieved.")
