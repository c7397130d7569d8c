"""What a campaign takes: segments of its texts, the least time of its senders, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from core.campaigns.batch import read_batch
from core.engine.country_profile import CountryProfile, Permission
from core.engine.country_rules import RuleBook
from core.engine.decision import AccountProblem, Facts, Policy, Request
from core.errors import RefusedError
from core.previews.audience import audience_of
from core.previews.campaign import CampaignPreview, preview
from core.previews.forecast import PriceLimit
from core.prices.price_list import NO_PRICES, Price, PriceLine, PriceList
from core.sender import Sender, SenderType
from tests.support.worlds import NOW, number, registered, rule

AU, AU_TWO, NZ = "+61491570156", "+61491570157", "+64211234567"
SLOW = number(messages_per_second=0.5)
RULES = RuleBook.of(
    "test-1",
    [rule(SenderType.LONGCODE, country=country) for country in ("AU", "NZ")],
    [CountryProfile(country, country) for country in ("AU", "NZ")],
)
PRICES = PriceList.of(
    [
        PriceLine("AU", SenderType.LONGCODE, Price(Decimal("0.0455"), "AUD")),
        PriceLine("NZ", None, Price(Decimal("0.1"), "NZD")),
    ]
)


class Held:
    def __init__(self, *senders: Sender, spread: bool = False) -> None:
        self._facts = Facts(senders, spread=spread)

    def load_facts(self, requests: Sequence[Request]) -> Mapping[Request, Facts | AccountProblem]:
        return dict.fromkeys(requests, self._facts)


def shown(
    *recipients: Any, held: Held | None = None, prices: PriceList = NO_PRICES, rules: RuleBook = RULES, **fields: Any
) -> CampaignPreview:
    shared = {"account_id": "acme", "campaign_id": "c", "batch_id": "1", "body": "Hello"} | fields
    batch = read_batch(shared | {"recipients": list(recipients)})
    audience = audience_of(batch, rules.content_countries)
    return preview(batch, audience, held or Held(SLOW), rules, Policy(), now=NOW, prices=prices)


def countries(found: CampaignPreview) -> list[Any]:
    document: Any = found.document()
    return list(document["countries"])


def told(found: CampaignPreview, *names: str) -> list[Any]:
    document = found.document()
    return [document[name] for name in names]


def test_it_counts_segments_of_the_shared_text_and_of_own_ones() -> None:
    found = shown({"to": AU}, {"to": AU_TWO, "body": "ж" * 71}, {"to": NZ, "body": "x" * 161}, body="y" * 307)
    (au, nz) = (country.document() for country in found.countries)
    assert (au["encoding"], au["segments"], nz["encoding"], nz["segments"]) == ("GSM-7", 5, "GSM-7", 2)
    assert told(found, "segments", "encoding") == [7, "GSM-7"]


def test_it_tells_the_least_time_of_a_sender_for_all_its_countries() -> None:
    found = shown({"to": AU}, {"to": AU_TWO}, {"to": NZ})
    assert [country.document()["seconds"] for country in found.countries] == [4, 2]
    (bottleneck, seconds) = told(found, "bottleneck", "seconds")
    assert (bottleneck["sender_id"], bottleneck["messages_per_second"], seconds) == (SLOW.sender_id, 0.5, 6)


def test_it_lets_senders_work_beside_each_other() -> None:
    nz = number("+6421999999", country="NZ", messages_per_second=10)
    found = shown(*[{"to": AU}] * 3, *[{"to": NZ}] * 5, held=Held(SLOW, nz))
    assert told(found, "seconds") == [6]
    assert [each.document()["seconds"] for each in found.countries] == [0.5, 6]


def test_it_knows_no_time_without_a_rate() -> None:
    found = shown({"to": AU}, held=Held(number()))
    assert told(found, "seconds", "bottleneck") == [None, None]


def test_it_shares_a_pool_by_weight_without_a_rest() -> None:
    pool = Held(SLOW, number("+61400000002", messages_per_second=1.0), spread=True)
    (country,) = countries(shown(*[{"to": AU}] * 10, held=pool, prices=PRICES))
    assert sum(each["messages"] for each in country["senders"]) == 10
    assert {each["sender_id"]: each["messages"] for each in country["senders"]} == {
        "+61400000001": 3,
        "+61400000002": 7,
    }
    assert country["cost"] == {"AUD": "0.455"}


def test_it_multiplies_segments_by_their_price_in_decimals() -> None:
    found = shown(*[{"to": AU}] * 3, {"to": NZ}, body="x" * 161, prices=PRICES)
    assert told(found, "cost", "unpriced") == [{"AUD": "0.273", "NZD": "0.2"}, 0]
    (sender,) = countries(found)[0]["senders"]
    assert (sender["price"], sender["currency"], sender["cost"], sender["segments"]) == ("0.0455", "AUD", "0.273", 6)


def test_it_says_how_much_has_no_price() -> None:
    assert told(shown({"to": AU}), "cost", "unpriced") == [{}, 1]


def test_it_counts_neither_segments_nor_prices_of_an_mms() -> None:
    rules = RuleBook.of("test-1", [rule(SenderType.LONGCODE)], [CountryProfile("AU", "AU", mms=True)])
    fields = {"product": "MMS", "media_urls": ["https://example.com"]}
    found = shown({"to": AU}, held=Held(number(mms=True)), rules=rules, prices=PRICES, **fields)
    assert found.sendable == 1
    assert told(found, "encoding", "segments", "cost", "unpriced") == [None, None, {}, 1]


def test_it_forecasts_nothing_of_what_is_not_sent() -> None:
    assert told(shown({"to": AU}, held=Held()), "segments", "seconds", "cost", "unpriced") == [0, None, {}, 0]


def test_it_tells_texts_apart_where_the_country_looks_at_them() -> None:
    rules = RuleBook.of(
        "test-1", [rule(SenderType.LONGCODE)], [CountryProfile("AU", "AU", url_allowed=Permission.REGISTRATION)]
    )
    held = Held(number(trust=99), number("+61400000002", registrations=registered(), trust=1))
    links = [{"to": AU, "body": "see acme.com"}]
    (country,) = countries(shown(*[{"to": AU}] * 2, *links, rules=rules, held=held))
    assert [(each["has_url"], each["recipients"], each["sender"]["sender_id"]) for each in country["contents"]] == [
        (False, 2, "+61400000002"),
        (True, 1, "+61400000002"),
    ]
    (country,) = countries(shown(*[{"to": AU}] * 2, *links, rules=rules))
    assert (country["sendable"], country["unsendable"]) == (2, {"CONTENT_NOT_ALLOWED": 1})
    assert country["sender"]["sender_id"] == SLOW.sender_id
    assert [each["reason"] for each in country["contents"]] == ["LOCAL_DEDICATED", "CONTENT_NOT_ALLOWED"]
    (country,) = countries(shown({"to": AU}))
    assert "contents" not in country


@pytest.mark.parametrize(
    ("limit", "recipients", "words"),
    [
        ("0.0910", [AU, AU_TWO], None),
        ("0.0909", [AU, AU_TWO], "costs 0.091 AUD, and the limit is 0.0909 AUD"),
        ("aud 1", [AU], None),
        ("1 USD", [AU], "costs 0.0455 AUD: a limit in one currency cannot be compared"),
        ("100", [AU, NZ], "costs 0.0455 AUD and 0.1 NZD: a limit in one currency"),
    ],
)
def test_it_refuses_what_costs_more_or_cannot_be_compared(limit: str, recipients: list[str], words: str | None) -> None:
    forecast = shown(*[{"to": to} for to in recipients], prices=PRICES).forecast
    if words is None:
        PriceLimit.read(limit).check(forecast)
    else:
        with pytest.raises(RefusedError, match=words):
            PriceLimit.read(limit).check(forecast)


def test_it_refuses_a_limit_where_a_price_is_missing() -> None:
    with pytest.raises(RefusedError, match="the price of 1 messages is not known"):
        PriceLimit.read("1").check(shown({"to": AU}).forecast)


@pytest.mark.parametrize("text", ["", "EUR", "-1", "1,5", "1e5", "EUR 1 EUR", "1 EU", "NaN"])
def test_it_reads_no_limit_out_of_anything_else(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        PriceLimit.read(text)
