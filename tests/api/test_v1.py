"""What this API has beyond ClickSend's, endpoint by endpoint."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
import redis
from sqlalchemy import insert

from core.cache.bounds import Bound, bounds_key
from core.campaigns.progress import counts_key
from core.engine.decision import Rejection
from core.rules.files import shipped_rules
from core.sender import SenderStatus, SenderType
from core.storage.tables import DEFAULT_WARNINGS
from core.trust.book import TrustBook
from core.trust.keys import SenderKey, TrustKeys
from core.trust.published import Published
from tests.api.test_default_senders import blamed
from tests.support.accounts import AU, AU_NUMBER, GB_NUMBER, NAME, SPELLINGS
from tests.support.served import AU_STRATEGY, DEFAULTS, NAME_STRATEGY, Login, ServedApi, body_of, running_server


def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert (document["http_code"], document["response_code"]) == (200, "SUCCESS")
    return document["data"]


def test_it_lists_senders_with_their_registrations(visitor: httpx.Client) -> None:
    found = data(visitor.get("/v1/senders"))
    assert [each["sender_id"] for each in found["data"]][:3] == [AU_NUMBER, GB_NUMBER, NAME]
    assert found["next_offset"] is None
    assert found["data"][3]["registrations"] == [
        {"country": "US", "status": "approved", "valid_from": None, "valid_until": None}
    ]


def test_it_lists_senders_page_by_page_and_by_kind(visitor: httpx.Client) -> None:
    seen, offset = [], 0
    while offset is not None:
        page = data(visitor.get("/v1/senders", params={"per_page": 1, "offset": offset}))
        seen += [each["sender_id"] for each in page["data"]]
        offset = page["next_offset"]
    assert len(seen) == len(set(seen)) == 4
    named = data(visitor.get("/v1/senders?sender_type=alpha_tag&status=active"))["data"]
    assert [each["sender_id"] for each in named] == [NAME]
    assert data(visitor.get("/v1/senders?country=uk"))["data"][0]["sender_id"] == GB_NUMBER
    assert blamed(visitor.get("/v1/senders?country=XX")) == ["country"]
    assert isinstance(data(visitor.get("/v1/senders?platform=true"))["data"], list)


def test_it_shows_what_receipts_say_of_senders_page_by_page(
    redis_server: str, acme: Login, client: httpx.Client
) -> None:
    keys, record = (
        TrustKeys("smart-assign"),
        Published(95, unhealthy=False, delivered=97.2, messages=12_400, as_of=1.8e9),
    )
    with redis.Redis.from_url(redis_server) as shared:
        for country in ("AU", "NZ"):
            place = keys.published(acme.account_id, country)
            shared.hset(place, f"longcode/{AU_NUMBER[1:]}", msgspec.json.encode(record))
            shared.sadd(keys.countries(acme.account_id), country)
        frozen = SenderKey(acme.account_id, "AU", SenderType.ALPHA_TAG, NAME)
        TrustBook(shared, "smart-assign").freeze(frozen, "ada", datetime(2026, 11, 28, tzinfo=UTC))
    first = data(client.get("/v1/trust", params={"per_page": 2}))
    assert [(each["country"], each["sender_id"], each["trust"]) for each in first["data"]] == [
        ("AU", NAME, None),
        ("AU", AU_NUMBER, 95),
    ]
    assert (first["data"][0]["frozen_at"], "ada" in str(first)) == ("2026-11-28T00:00:00.000000Z", False)
    rest = data(client.get("/v1/trust", params={"per_page": 2, "offset": first["next_offset"]}))
    assert ([each["country"] for each in rest["data"]], rest["next_offset"]) == (["NZ"], None)
    assert [each["country"] for each in data(client.get("/v1/trust?country=nz"))["data"]] == ["NZ"]
    assert isinstance(data(client.get("/v1/trust?platform=true"))["data"], list)
    explained = data(client.get("/v1/explain", params={"to": AU}))
    assert "delivers 97.2 % in AU over 12,400 messages" in str(explained["candidates"])


def test_it_shows_rules_with_source_date_and_grade(visitor: httpx.Client) -> None:
    found = data(visitor.get("/v1/rules/au"))
    assert found["country"] == "AU"
    rule = next(each for each in found["rules"] if each["sender_type"] == "longcode" and each["grade"] == "compliant")
    assert rule["sources"]
    assert rule["as_of"]
    assert {"grade_unregistered", "in_force", "effective_from", "override_reason"} <= set(rule)
    assert data(visitor.get("/v1/rules"))["countries"] == list(shipped_rules().countries())
    assert blamed(visitor.get("/v1/rules/XX"), 404) == []


def test_it_explains_a_decision_and_keeps_nothing_of_it(visitor: httpx.Client) -> None:
    asked = {"to": AU, "reply_expected": True}
    found = data(visitor.post("/v1/explain", json=asked))
    assert found["sender"] == {"sender_id": AU_NUMBER, "sender_type": "longcode", "sender_country_code": "AU"}
    assert found["source"] == "smart"
    assert all(each["rank"] or each["rejected"] in set(Rejection) for each in found["candidates"])
    assert data(visitor.get("/v1/explain", params={"to": AU, "reply_expected": "true"})) == found
    assert blamed(visitor.get(f"/v1/decisions/{found['decision_id']}"), 404) == []
    assert blamed(visitor.get("/v1/decisions/none"), 404) == []


@pytest.mark.parametrize("way", ["body", "query"])
def test_it_explains_as_of_another_moment(visitor: httpx.Client, way: str) -> None:
    def fate(at: str) -> str | None:
        asked = {"to": "+436641234567", "at": at}
        answer = visitor.post("/v1/explain", json=asked) if way == "body" else visitor.get("/v1/explain", params=asked)
        fates: dict[str, str | None] = {each["sender_id"]: each["rejected"] for each in data(answer)["candidates"]}
        return fates[NAME]

    assert (fate("2026-09-30"), fate("2026-10-01T00:00:00Z")) == (None, "NOT_REGISTERED")
    assert fate("") == fate("2026-10-01")


def test_it_names_a_moment_that_is_none(visitor: httpx.Client) -> None:
    assert blamed(visitor.post("/v1/explain", json={"to": AU, "at": "soon"})) == ["at"]
    assert blamed(visitor.get("/v1/explain", params={"to": AU, "at": "soon"})) == ["at"]


@pytest.mark.parametrize("text", SPELLINGS)
def test_it_explains_a_sender_however_it_is_spelled(visitor: httpx.Client, text: str) -> None:
    found = data(visitor.post("/v1/explain", json={"to": AU, "sender_id": text}))
    assert (found["sender"]["sender_id"], found["source"]) == (AU_NUMBER, "explicit")


PLUSES = [
    pytest.param(f"to={AU}", AU, id="a plus that was not encoded"),
    pytest.param(f"reply_expected=false&to={AU}&country=NZ", AU, id="whatever the country"),
    pytest.param("to=%2B61491570156", AU, id="one that was"),
    pytest.param("to=%2061491570156&country=AU", AU, id="a blank that was meant"),
    pytest.param("to=+0491570156&country=AU", AU, id="a national number behind one"),
]


@pytest.mark.parametrize(("query", "number"), PLUSES)
def test_it_reads_the_blank_that_a_plus_becomes(visitor: httpx.Client, query: str, number: str) -> None:
    found = data(visitor.get(f"/v1/explain?{query}"))
    assert found == data(visitor.post("/v1/explain", json={"to": number}))
    named = data(visitor.get(f"/v1/explain?{query}&sender_id=+61491570006"))
    assert (named["source"], named["sender"]["sender_id"]) == ("explicit", "+61491570006")


def test_it_explains_what_would_be_parked(visitor: httpx.Client) -> None:
    found = data(visitor.post("/v1/explain", json={"to": "+0"}))
    assert (found["sender"], found["reason"], found["decision_id"]) == (None, "INVALID_RECIPIENT", None)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "to"),
        ({"to": 61}, "to"),
        ({"to": AU, "country": "AUS"}, "country"),
        ({"to": AU, "product": "FAX"}, "product"),
        ({"to": AU, "sender_type": "fax"}, "sender_type"),
        ({"to": AU, "traffic_class": "x"}, "traffic_class"),
        ({"to": AU, "reply_expected": "maybe"}, "reply_expected"),
    ],
)
def test_it_names_the_field_of_a_bad_question(visitor: httpx.Client, asked: dict[str, Any], field: str) -> None:
    assert blamed(visitor.post("/v1/explain", json=asked)) == [field]


def test_it_previews_a_campaign(visitor: httpx.Client) -> None:
    recipients = [{"to": AU}, {"to": AU}, {"to": "07400 123456", "country": "UK"}, {"to": "+0"}, 7, {}]
    found = data(visitor.post("/v1/campaigns/preview", json={"recipients": recipients}))
    shown = {each["country"]: (each["recipients"], each["sendable"], each["sender"]) for each in found["countries"]}
    assert shown["AU"][:2] == (2, 2)
    assert shown["AU"][2]["sender_id"] == AU_NUMBER
    assert shown["GB"][2]["sender_id"] == GB_NUMBER
    assert found["invalid"] == 3


def test_it_forecasts_a_campaign_where_the_text_is_given(visitor: httpx.Client) -> None:
    asked = {"recipients": [{"to": AU}, {"to": AU, "body": "ж"}], "body": "x" * 161}
    found = data(visitor.post("/v1/campaigns/preview", json=asked))
    assert (found["encoding"], found["segments"], found["cost"], found["unpriced"]) == ("GSM-7", 3, {}, 2)
    (sender,) = found["countries"][0]["senders"]
    assert (sender["sender_id"], sender["messages"], sender["segments"]) == (AU_NUMBER, 2, 3)
    unknown = data(visitor.post("/v1/campaigns/preview", json={"recipients": [{"to": AU}]}))
    assert (unknown["encoding"], unknown["segments"]) == (None, None)
    assert blamed(visitor.post("/v1/campaigns/preview", json=asked | {"max_price": "1 EUR"})) == ["max_price"]
    assert blamed(visitor.post("/v1/campaigns/preview", json=asked | {"max_price": "much"})) == ["max_price"]


def test_it_previews_the_senders_of_a_batch(visitor: httpx.Client) -> None:
    override = {"recipient_country_code": "DE", "sender_type": "alpha_tag", "sender_id": NAME}
    asked = {"recipients": [{"to": "+4915112345678"}], "senders": [override]}
    (found,) = data(visitor.post("/v1/campaigns/preview", json=asked))["countries"]
    assert (found["sender"]["sender_id"], found["source"]) == (NAME, "override")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"recipients": []}, "recipients"),
        ({"recipients": [{}] * 10_001}, "recipients"),
        ({"recipients": [{"to": AU}], "senders": [{"sender_type": "alpha_tag"}]}, "senders[0].recipient_country_code"),
    ],
    ids=["none", "too many", "sender without country"],
)
def test_it_names_the_field_of_a_bad_campaign(visitor: httpx.Client, asked: dict[str, Any], field: str) -> None:
    assert blamed(visitor.post("/v1/campaigns/preview", json=asked)) == [field]


def test_it_assigns_the_smart_choice_to_many_countries(client: httpx.Client) -> None:
    asked = {"countries": ["AU", "UK", "AU"], "dry_run": True}
    tried = data(client.post("/v1/defaults/assign-all", json=asked))["data"]
    assert [(each["country"], each["outcome"]) for each in tried] == [("AU", "assigned"), ("GB", "assigned")]
    assert data(client.get(DEFAULTS))["data"] == []
    done = data(client.post("/v1/defaults/assign-all", json=asked | {"dry_run": False}))["data"]
    assert [each["sender"]["sender_id"] for each in done] == [AU_NUMBER, GB_NUMBER]
    assert {each["country_code"] for each in data(client.get(DEFAULTS))["data"]} == {"AU", "GB"}
    again = data(client.post("/v1/defaults/assign-all", json=asked | {"dry_run": False}))["data"]
    assert {each["outcome"] for each in again} == {"unchanged"}
    assert blamed(client.post("/v1/defaults/assign-all", json={"countries": ["AU", "XX"]})) == ["countries[1]"]


def test_it_assigns_every_country_that_a_sender_can_serve(client: httpx.Client) -> None:
    found = data(client.post("/v1/defaults/assign-all", json={"countries": "all"}))["data"]
    listed = data(client.get(DEFAULTS, params={"per_page": 500}))["data"]
    assert len(listed) == len(found) > 100


UNKNOWN = {
    "a filter": ("GET", "/v1/senders?countries=AU", None, "countries", "country"),
    "a filter of ClickSend's": ("GET", f"{DEFAULTS}?perpage=5", None, "perpage", "per_page"),
    "beside numbered ones": (
        "GET",
        "/v3/senders/compliant-sender-types?filter[product_type]=SMS&filter[country_codes][0]=AU",
        None,
        "filter[country_codes][0]",
        "filter[country_code][0]",
    ),
    "a switch": ("POST", "/v1/defaults/assign-all", {"countries": ["AU"], "dryrun": True}, "dryrun", "dry_run"),
    "a list": (
        "POST",
        "/v1/defaults/assign-all",
        {"country_codes": ["AU"], "countries": ["AU"]},
        "country_codes",
        "countries",
    ),
    "a part": (
        "POST",
        DEFAULTS,
        body_of("DE", NAME_STRATEGY | {"sender_typ": "alpha_tag"}),
        "default_sender_strategies[0].sender_typ",
        "sender_type",
    ),
}


@pytest.mark.parametrize(("method", "path", "document", "field", "nearest"), UNKNOWN.values(), ids=UNKNOWN)
def test_it_refuses_what_it_does_not_know_with_the_nearest_that_it_knows(
    client: httpx.Client, method: str, path: str, document: dict[str, Any] | None, field: str, nearest: str
) -> None:
    answer = client.request(method, path, json=document)
    (detail,) = answer.json()["details"]
    assert (answer.status_code, detail["field"]) == (400, field)
    assert detail["reason"].endswith(f"did you mean {nearest}?")
    assert data(client.get(DEFAULTS))["data"] == []


@pytest.mark.parametrize("countries", [{}, {"countries": None}, {"countries": []}, {"countries": "ALL"}])
def test_it_assigns_all_countries_only_where_that_is_said(client: httpx.Client, countries: dict[str, Any]) -> None:
    assert blamed(client.post("/v1/defaults/assign-all", json=countries)) == ["countries"]
    assert data(client.get(DEFAULTS))["data"] == []


def test_it_takes_a_default_as_it_was_answered(client: httpx.Client) -> None:
    stored = data(client.post(DEFAULTS, json=body_of("DE", NAME_STRATEGY)))
    strategies = stored["default_sender_strategies"]
    path = f"{DEFAULTS}/{stored['id']}"
    assert (
        data(client.patch(path, json={"default_sender_strategies": strategies}))["default_sender_strategies"]
        == strategies
    )
    strategies[0]["priority"] = 2
    assert blamed(client.patch(path, json={"default_sender_strategies": strategies})) == ["default_sender_strategies"]


def test_it_tells_who_changed_what(api: ServedApi, acme: Login, client: httpx.Client) -> None:
    made = api.default(acme, "DE", AU_STRATEGY)
    client.patch(f"{DEFAULTS}/{made['id']}", json={"default_sender_strategies": [NAME_STRATEGY]})
    client.delete(f"{DEFAULTS}/{made['id']}")
    changes = data(client.get("/v1/defaults/history"))["data"]
    assert [each["changed_by"] for each in changes] == [acme.account_id] * 3
    ids = [
        [each[side] and each[side]["strategies"][0]["sender_id"] for side in ("before", "after")] for each in changes
    ]
    assert ids == [[NAME, None], [AU_NUMBER, NAME], [None, AU_NUMBER]]
    assert len(data(client.get("/v1/defaults/history?limit=1"))["data"]) == 1


def test_it_tells_of_defaults_at_risk(api: ServedApi, acme: Login, client: httpx.Client) -> None:
    api.default(acme)
    assert data(client.get("/v1/defaults/at-risk"))["data"] == []
    api.set_status(acme, AU_NUMBER, SenderStatus.SUSPENDED)
    (found,) = data(client.get("/v1/defaults/at-risk"))["data"]
    assert (found["usable_now"], found["risks"][0]["reason"]) == (False, "NOT_ACTIVE")


def test_it_measures_what_all_processes_have_in_common(api: ServedApi, acme: Login) -> None:
    default = UUID(api.default(acme)["id"])
    warning = {"default_ref": default, "sender": uuid4().hex, "reason": "NOT_ACTIVE", "told_at": api.store.clock()}
    with api.store.writing() as write:
        write.connection.execute(insert(DEFAULT_WARNINGS).values(warning | {"at_risk_from": None}))
    with redis.Redis.from_url(api.settings.broker_url) as client:
        client.hset(counts_key(api.settings.key_prefix), "parked", "7")
        client.hset(bounds_key(api.settings.key_prefix), Bound.CAMPAIGNS, "5")
    text = api.client().get("/metrics").text
    assert 'smart_assign_defaults_at_risk{reason="NOT_ACTIVE",usable_now="false"} 1.0' in text
    assert 'smart_assign_messages_total{outcome="parked"} 7.0' in text
    assert 'smart_assign_bounds_left_out_total{bound="campaigns"} 5.0' in text


def test_it_leaves_out_what_cannot_be_measured(api: ServedApi) -> None:
    nowhere = {"database_url": "postgresql://postgres@127.0.0.1:1/none", "broker_url": "redis://127.0.0.1:1/0"}
    with running_server(api.settings.model_copy(update=nowhere)) as url:
        answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 200
    assert "smart_assign_api_requests" in answer.text
    assert "at_risk" not in answer.text


def test_it_lists_subaccounts_page_by_page(api: ServedApi, acme: Login, client: httpx.Client) -> None:
    below = sorted(api.account((), parent=acme).account_id for _ in range(3))
    seen: list[str] = []
    query: dict[str, Any] = {"per_page": 2}
    while True:
        page = data(client.get("/v1/accounts", params=query))
        seen += [each["account_id"] for each in page["data"]]
        if page["next_offset"] is None:
            break
        query["offset"] = page["next_offset"]
    assert seen == [acme.account_id, *below]
    assert blamed(client.get("/v1/accounts?offset=%00")) == ["offset"]


def test_it_lists_parked_messages_of_no_country(visitor: httpx.Client) -> None:
    assert data(visitor.get("/v1/parked?country=001"))["data"] == []
    assert blamed(visitor.get("/v1/parked?country=GX")) == ["country"]


def test_it_answers_readiness_and_health(api: ServedApi) -> None:
    names = [each["name"] for each in api.client().get("/readyz").json()["checks"]]
    assert names == ["database", "redis", "rules"]
    assert api.client().get("/healthz").json() == {"ok": True}
