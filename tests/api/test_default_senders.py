"""ClickSend's default sender endpoints: what they accept, what they refuse and in which words."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import httpx
import pytest

from api.v3.default_senders import SortBy
from core.defaults.pages import SORT_COLUMNS
from core.sender import SenderStatus, SenderType
from tests.support.accounts import AU_NUMBER, GB_NUMBER, NAME, SPELLINGS, US_NUMBER
from tests.support.served import AU_STRATEGY, DEFAULTS, NAME_STRATEGY, Login, ServedApi, body_of

FIRST = "default_sender_strategies[0]"


def strategy(sender_type: str, sender_id: object, country: object = None, **more: object) -> dict[str, Any]:
    return {"sender_type": sender_type, "sender_id": sender_id, "sender_country_code": country} | more


def blamed(answer: httpx.Response, status: int = 400) -> list[str]:
    """The fields of an error, whose envelope is checked as well."""
    document = answer.json()
    assert (answer.status_code, document["http_code"]) == (status, status), answer.text
    assert document["data"] is None
    assert set(document) == {"http_code", "response_code", "response_msg", "data", "details"}
    assert all(detail["reason"] for detail in document["details"])
    return [detail["field"] for detail in document["details"]]


def test_it_gives_back_what_was_set(client: httpx.Client) -> None:
    named = strategy("longcode", AU_NUMBER, "AU", note="main number")
    body = body_of("AU", named, NAME_STRATEGY | {"status": "DISABLED"})
    created = client.post(DEFAULTS, json=body).json()
    assert (created["http_code"], created["response_code"]) == (200, "SUCCESS")
    data = created["data"]
    assert data["default_sender_strategies"] == [
        named | {"priority": 1, "status": "ENABLED"},
        strategy("alpha_tag", NAME, None, note=None, priority=2, status="DISABLED"),
    ]
    assert (data["country_code"], data["product_type"], data["status"]) == ("AU", "SMS", "ENABLED")
    assert data["user_id"] == data["subaccount_id"] > 0
    assert data["created_timestamp"] == data["updated_timestamp"]
    assert data["created_timestamp"].endswith("Z")
    assert client.get(f"{DEFAULTS}/{data['id']}").json()["data"] == data


@pytest.mark.parametrize("text", SPELLINGS)
def test_it_keeps_a_number_in_e164(client: httpx.Client, text: str) -> None:
    answer = client.post(DEFAULTS, json=body_of("AU", strategy("longcode", text, "AU")))
    assert answer.json()["data"]["default_sender_strategies"][0]["sender_id"] == AU_NUMBER
    assert blamed(client.post(DEFAULTS, json=body_of("NZ", strategy("longcode", "12", "AU")))) == [f"{FIRST}.sender_id"]


def test_it_names_account_and_subaccount_by_their_numbers(api: ServedApi, acme: Login) -> None:
    above = api.default(acme)
    below = api.default(api.account(parent=acme))
    assert below["user_id"] == above["user_id"]
    assert below["subaccount_id"] not in {above["subaccount_id"], above["user_id"]}


def test_it_replaces_the_strategies_alone(client: httpx.Client) -> None:
    before = client.post(DEFAULTS, json=body_of("DE")).json()["data"]
    path = f"{DEFAULTS}/{before['id']}"
    after = client.patch(path, json={"default_sender_strategies": [NAME_STRATEGY]}).json()["data"]
    kept = ("id", "user_id", "subaccount_id", "country_code", "product_type", "status", "created_timestamp")
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert after["updated_timestamp"] > before["updated_timestamp"]
    assert [each["sender_id"] for each in after["default_sender_strategies"]] == [NAME]


def test_it_forgets_what_was_deleted(client: httpx.Client) -> None:
    path = f"{DEFAULTS}/{client.post(DEFAULTS, json=body_of('AU')).json()['data']['id']}"
    gone = client.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    for again in (client.get(path), client.delete(path), client.patch(path, json=body_of("AU"))):
        assert blamed(again, 404) == []


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        pytest.param({"country_code": "NZ"}, ["country_code"], id="another country"),
        pytest.param({"country_code": "XX"}, ["country_code"], id="no country"),
        pytest.param({"product_type": "MMS"}, ["product_type"], id="another product"),
        pytest.param(
            {"country_code": "GB", "default_sender_strategies": [AU_STRATEGY, strategy("shortcode", "12")]},
            ["country_code", "default_sender_strategies[1].sender_id"],
            id="and a strategy",
        ),
        pytest.param(
            {"country_code": "GB", "product_type": "FAX", "default_sender_strategies": [{"sender_type": "fax"}]},
            ["country_code", f"{FIRST}.sender_type", "product_type"],
            id="and what cannot be read",
        ),
    ],
)
def test_it_never_moves_a_default(client: httpx.Client, given: dict[str, Any], fields: list[str]) -> None:
    made = client.post(DEFAULTS, json=body_of("AU")).json()["data"]
    path = f"{DEFAULTS}/{made['id']}"
    assert blamed(client.patch(path, json={"default_sender_strategies": [AU_STRATEGY]} | given)) == fields
    assert client.get(path).json()["data"] == made


@pytest.mark.parametrize("same", [{"country_code": "au", "product_type": "SMS"}, {"country_code": None}])
def test_it_takes_what_a_default_has_already(client: httpx.Client, same: dict[str, Any]) -> None:
    path = f"{DEFAULTS}/{client.post(DEFAULTS, json=body_of('AU')).json()['data']['id']}"
    assert client.patch(path, json={"default_sender_strategies": [AU_STRATEGY]} | same).status_code == 200


NOT_OWNED = strategy("longcode", "+61491570110", "AU")
TOGETHER = [
    pytest.param(
        {"country_code": "XX", "default_sender_strategies": [strategy("shortcode", "12"), AU_STRATEGY]},
        ["country_code", f"{FIRST}.sender_id"],
        id="country and form",
    ),
    pytest.param(
        {"default_sender_strategies": [strategy("shortcode", "12"), NOT_OWNED, AU_STRATEGY]},
        [f"{FIRST}.sender_id", "default_sender_strategies[1].sender_id"],
        id="form and ownership",
    ),
    pytest.param(
        {"default_sender_strategies": [strategy("fax", "12"), NOT_OWNED, strategy("longcode", GB_NUMBER, "GB")]},
        [f"{FIRST}.sender_type", "default_sender_strategies[1].sender_id", "default_sender_strategies[2].sender_id"],
        id="type, ownership and compliance",
    ),
    pytest.param(
        {"product_type": "FAX", "country_code": "XX", "default_sender_strategies": [strategy("longcode", AU_NUMBER)]},
        ["country_code", f"{FIRST}.sender_country_code", "product_type"],
        id="product, country and form",
    ),
    pytest.param(
        {
            "country_code": 1,
            "default_sender_strategies": [AU_STRATEGY | {"note": "n" * 201}, strategy("shortcode", "1")],
        },
        ["country_code", f"{FIRST}.note", "default_sender_strategies[1].sender_id"],
        id="types and form",
    ),
]


@pytest.mark.parametrize(("change", "fields"), TOGETHER)
def test_it_names_every_field_at_once(visitor: httpx.Client, change: dict[str, Any], fields: list[str]) -> None:
    assert blamed(visitor.post(DEFAULTS, json=body_of("AU") | change)) == fields


COMPRESSED = [
    pytest.param(gzip.compress(b"{}"), {"content-encoding": "gzip"}, id="gzip"),
    pytest.param(gzip.compress(b"{}"), {}, id="gzip that does not say so"),
    pytest.param(b"{}", {"content-encoding": "br"}, id="brotli"),
]


@pytest.mark.parametrize(("content", "headers"), COMPRESSED)
def test_it_says_that_it_unpacks_no_body(visitor: httpx.Client, content: bytes, headers: dict[str, str]) -> None:
    answer = visitor.post(DEFAULTS, content=content, headers={"content-type": "application/json"} | headers)
    assert (blamed(answer, 415), answer.json()["response_code"]) == ([], "UNSUPPORTED_MEDIA_TYPE")
    assert "is compressed" in answer.json()["response_msg"]


def test_it_has_one_default_for_a_country_and_product(client: httpx.Client) -> None:
    assert client.post(DEFAULTS, json=body_of("AU")).status_code == 200
    again = client.post(DEFAULTS, json=body_of("AU"))
    assert (blamed(again, 409), again.json()["response_code"]) == ([], "CONFLICT")


def test_it_refuses_a_bad_strategy_before_it_looks_for_a_conflict(client: httpx.Client) -> None:
    assert client.post(DEFAULTS, json=body_of("AU")).status_code == 200
    assert blamed(client.post(DEFAULTS, json=body_of("AU", strategy("shortcode", "12")))) == [f"{FIRST}.sender_id"]


def test_it_reads_uk_as_gb(client: httpx.Client) -> None:
    body = body_of("UK", strategy("longcode", GB_NUMBER, "uk"))
    data = client.post(DEFAULTS, json=body).json()["data"]
    assert (data["country_code"], data["default_sender_strategies"][0]["sender_country_code"]) == ("GB", "GB")


def test_it_gives_a_pool_without_a_number_as_an_empty_text(api: ServedApi) -> None:
    account = api.account(())
    api.add_sender(account.account_id, None, SenderType.SHARED_LONGCODE, "AU")
    for country, sender_id in (("NO", ""), ("FR", None)):
        answer = api.client(account).post(DEFAULTS, json=body_of(country, strategy("shared_longcode", sender_id)))
        assert answer.json()["data"]["default_sender_strategies"][0]["sender_id"] == ""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"country_code": None}, "country_code", id="country null"),
        pytest.param({"country_code": "XX"}, "country_code", id="country unknown"),
        pytest.param({"country_code": "AUS"}, "country_code", id="country of three letters"),
        pytest.param({"country_code": 36}, "country_code", id="country as a number"),
        pytest.param({"product_type": "FAX"}, "product_type", id="product unknown"),
        pytest.param({"product_type": None}, "product_type", id="product null"),
        pytest.param({"default_sender_strategies": []}, "default_sender_strategies", id="no strategy"),
        pytest.param({"default_sender_strategies": None}, "default_sender_strategies", id="strategies null"),
        pytest.param({"default_sender_strategies": "x"}, "default_sender_strategies", id="strategies as a text"),
        pytest.param({"default_sender_strategies": [AU_STRATEGY] * 11}, "default_sender_strategies", id="eleven"),
        pytest.param({"default_sender_strategies": ["x"]}, FIRST, id="strategy as a text"),
    ],
)
def test_it_names_the_field_of_a_bad_body(visitor: httpx.Client, change: dict[str, Any], field: str) -> None:
    assert blamed(visitor.post(DEFAULTS, json=body_of("AU") | change)) == [field]


@pytest.mark.parametrize("field", ["country_code", "product_type", "default_sender_strategies"])
def test_it_names_a_missing_field(visitor: httpx.Client, field: str) -> None:
    body = body_of("AU")
    del body[field]
    assert blamed(visitor.post(DEFAULTS, json=body)) == [field]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        pytest.param({"sender_type": "fax", "sender_id": "1"}, "sender_type", id="type unknown"),
        pytest.param({"sender_id": NAME}, "sender_type", id="type missing"),
        pytest.param(strategy("shortcode", "12"), "sender_id", id="short code of 2 digits"),
        pytest.param(strategy("shortcode", "123456789"), "sender_id", id="short code of 9 digits"),
        pytest.param(strategy("longcode", "+6149157000a", "AU"), "sender_id", id="letter in a number"),
        pytest.param(strategy("longcode", "+1234567890123456", "AU"), "sender_id", id="number of 16 digits"),
        pytest.param(strategy("own_number", "7", "AU"), "sender_id", id="number of 1 digit"),
        pytest.param(strategy("alpha_tag", "AB"), "sender_id", id="name of 2 letters"),
        pytest.param(strategy("alpha_tag", "ABCDEFGHIJKL"), "sender_id", id="name of 12 letters"),
        pytest.param(strategy("alpha_tag", "ACME Shop"), "sender_id", id="name with a space"),
        pytest.param(strategy("alpha_tag", "12345"), "sender_id", id="name of digits"),
        pytest.param(strategy("alpha_tag", None), "sender_id", id="name null"),
        pytest.param(strategy("longcode", "", "AU"), "sender_id", id="number empty"),
        pytest.param(strategy("longcode", 61491570006, "AU"), "sender_id", id="number as a number"),
        pytest.param(strategy("longcode", AU_NUMBER), "sender_country_code", id="long code without country"),
        pytest.param(strategy("shared_longcode", "+61491570110", "AU"), "sender_id", id="shared number named"),
        pytest.param(strategy("longcode", AU_NUMBER, "XX"), "sender_country_code", id="sender country unknown"),
        pytest.param(strategy("longcode", AU_NUMBER, "GB"), "sender_country_code", id="not the sender's country"),
        pytest.param(AU_STRATEGY | {"note": "n" * 201}, "note", id="note of 201 characters"),
        pytest.param(AU_STRATEGY | {"note": "a\x00b"}, "note", id="note with NUL"),
        pytest.param(AU_STRATEGY | {"status": "OFF"}, "status", id="status unknown"),
        pytest.param(strategy("longcode", "+61491570110", "AU"), "sender_id", id="not owned"),
        pytest.param(strategy("own_number", AU_NUMBER, "AU"), "sender_id", id="owned as another type"),
        pytest.param(strategy("longcode", GB_NUMBER, "GB"), "sender_id", id="foreign number where that is refused"),
    ],
)
def test_it_names_the_field_of_a_bad_strategy(visitor: httpx.Client, wrong: dict[str, Any], field: str) -> None:
    body = body_of("AU", AU_STRATEGY | {"sender_id": "+61491570999", "status": "DISABLED"}, wrong)
    assert blamed(visitor.post(DEFAULTS, json=body)) == [f"default_sender_strategies[1].{field}"]


@pytest.mark.parametrize("status", [each for each in SenderStatus if each is not SenderStatus.ACTIVE])
def test_it_refuses_a_sender_that_is_not_active(
    api: ServedApi, acme: Login, client: httpx.Client, status: SenderStatus
) -> None:
    api.set_status(acme, AU_NUMBER, status)
    answer = client.post(DEFAULTS, json=body_of("AU"))
    assert blamed(answer) == [f"{FIRST}.sender_id"]
    assert "is not active" in answer.json()["details"][0]["reason"]


def test_it_refuses_the_same_sender_twice(visitor: httpx.Client) -> None:
    bare = AU_STRATEGY | {"sender_id": AU_NUMBER.removeprefix("+")}
    assert blamed(visitor.post(DEFAULTS, json=body_of("AU", AU_STRATEGY, bare))) == [
        "default_sender_strategies[1].sender_id"
    ]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"\xff", id="not UTF-8"),
        pytest.param(b"[" * 50_000, id="deep"),
    ],
)
def test_it_blames_the_body_where_it_is_no_object(visitor: httpx.Client, content: bytes) -> None:
    assert blamed(visitor.post(DEFAULTS, content=content)) == ["$"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "json"])
def test_it_says_that_a_body_of_another_type_is_not_read(visitor: httpx.Client, content_type: str) -> None:
    answer = visitor.post(DEFAULTS, content=b'{"country_code": "AU"}', headers={"content-type": content_type})
    assert blamed(answer) == ["$"]
    assert f"Content-Type must be application/json, not '{content_type}'" in answer.json()["details"][0]["reason"]


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", None])
def test_it_reads_the_body_whatever_says_that_it_is_json(client: httpx.Client, content_type: str | None) -> None:
    request = client.build_request("POST", DEFAULTS, json=body_of("AU"))
    del request.headers["content-type"]
    if content_type:
        request.headers["content-type"] = content_type
    assert client.send(request).status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        pytest.param("per_page=0", "per_page", id="page of none"),
        pytest.param("per_page=501", "per_page", id="page too long"),
        pytest.param("per_page=ten", "per_page", id="page no number"),
        pytest.param("sort_by=note", "sort_by", id="sorted by no column"),
        pytest.param("sort_direction=up", "sort_direction", id="sorted in no direction"),
        pytest.param("offset=0", "offset", id="a number"),
        pytest.param("offset=" + "[" * 1_000, "offset", id="brackets"),
        pytest.param("offset=" + base64.urlsafe_b64encode(b"[" * 1_000).decode(), "offset", id="brackets within"),
        pytest.param("offset=%00%ff", "offset", id="bytes"),
        pytest.param("offset=WzEsMl0", "offset", id="JSON of another shape"),
    ],
)
def test_it_names_the_parameter_of_a_bad_list(visitor: httpx.Client, query: str, field: str) -> None:
    assert blamed(visitor.get(f"{DEFAULTS}?{query}")) == [field]


def test_it_names_every_filter_that_is_wrong(visitor: httpx.Client) -> None:
    query = "filter[product_type]=FAX&filter[country_code][0]=AU&filter[country_code][1]=ZZ"
    wrong = blamed(visitor.get(f"/v3/senders/compliant-sender-types?{query}"))
    assert wrong == ["filter[product_type]", "filter[country_code][1]"]


def test_it_names_every_parameter_of_a_bad_list(visitor: httpx.Client) -> None:
    query = "offset=0&per_page=ten&sort_by=note&sort_direction=up"
    assert blamed(visitor.get(f"{DEFAULTS}?{query}")) == ["offset", "per_page", "sort_by", "sort_direction"]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(strategy("longcode", "+61491570110"), id="not owned"),
        pytest.param(strategy("own_number", AU_NUMBER), id="owned as another type"),
        pytest.param(strategy("tollfree", AU_NUMBER), id="no toll-free number"),
        pytest.param(strategy("10DLC", US_NUMBER), id="no 10DLC number"),
        pytest.param(strategy("alpha_tag", "+1SHOP"), id="a name that begins with +1"),
    ],
)
def test_it_names_a_country_left_out_beside_a_sender_that_cannot_be(
    visitor: httpx.Client, wrong: dict[str, Any]
) -> None:
    body = body_of("AU", wrong)
    first = "default_sender_strategies[0]"
    assert blamed(visitor.post(DEFAULTS, json=body)) == [f"{first}.sender_country_code", f"{first}.sender_id"]


@pytest.mark.parametrize("query", ["per_page=&offset=", "offset", "sort_direction=asc&per_page="])
def test_it_takes_an_empty_parameter_for_none(client: httpx.Client, query: str) -> None:
    client.post(DEFAULTS, json=body_of("AU"))
    page = client.get(f"{DEFAULTS}?{query}").json()["data"]
    assert (page["per_page"], len(page["data"]), page["next_page_url"]) == (10, 1, None)


def test_it_refuses_the_cursor_of_another_order(client: httpx.Client) -> None:
    for country in ("DE", "DK"):
        client.post(DEFAULTS, json=body_of(country, NAME_STRATEGY))
    following = client.get(DEFAULTS, params={"per_page": 1}).json()["data"]["next_page_url"]
    assert client.get(following).status_code == 200
    assert blamed(client.get(f"{following}&sort_by=country_code")) == ["offset"]


def test_it_sorts_by_what_the_core_sorts_by() -> None:
    assert {each.value for each in SortBy} == set(SORT_COLUMNS)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort_by", SORT_COLUMNS)
def test_it_sorts(client: httpx.Client, sort_by: str, descending: bool) -> None:
    for country in ("SE", "DE", "FR"):
        assert client.post(DEFAULTS, json=body_of(country, NAME_STRATEGY)).status_code == 200
    query = {"sort_by": sort_by, "sort_direction": "desc" if descending else "asc"}
    found = [each[sort_by] for each in client.get(DEFAULTS, params=query).json()["data"]["data"]]
    assert len(found) == 3
    assert found == sorted(found, reverse=descending)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("unknown", ["77", "f99872cc-11a6-48ba-a9f2-bcfb6dd1e3d4", "%00"])
def test_it_knows_no_such_default(visitor: httpx.Client, method: str, unknown: str) -> None:
    body = {"default_sender_strategies": [AU_STRATEGY]} if method == "PATCH" else None
    assert blamed(visitor.request(method, f"{DEFAULTS}/{unknown}", json=body), 404) == []
