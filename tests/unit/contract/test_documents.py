"""The wire: what is read, what is refused and in which words, and the ids that follow from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.contract.decode import Message, decode_message
from core.contract.ids import known_ids
from core.contract.models import OutgoingMessage
from core.encoding import ContractError, decode_json
from core.sender import Product, TrafficClass
from tests.support.ids import message_digest

MESSAGE = {"message_id": "m1", "account_id": "acme", "to": "+61491570156", "body": "hello"}


def decoded(**fields: Any) -> Message:
    return decode_message(json.dumps(MESSAGE | fields).encode())


def errors_of(document: object) -> dict[str, str]:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(ContractError) as caught:
        decode_message(raw)
    return {error.field: error.reason for error in caught.value.errors}


def test_it_fills_in_the_defaults() -> None:
    message = decoded()
    assert (message.product, message.traffic_class, message.reply_expected, message.sender_id) == (
        Product.SMS,
        TrafficClass.TRANSACTIONAL,
        False,
        None,
    )


@pytest.mark.parametrize("field", ["product", "traffic_class", "reply_expected"])
def test_it_reads_null_as_the_default(field: str) -> None:
    assert getattr(decoded(**{field: None}), field) == getattr(decoded(), field)


OPTIONAL = [name for name in OutgoingMessage.model_fields if name not in MESSAGE]


@pytest.mark.parametrize("field", OPTIONAL)
def test_it_reads_an_empty_optional_field_as_null(field: str) -> None:
    assert getattr(decoded(**{field: ""}), field) == getattr(decoded(**{field: None}), field)


def test_it_reads_a_form_that_fills_in_every_field() -> None:
    filled = decoded(**dict.fromkeys([*OPTIONAL, "from"], ""))
    assert [getattr(filled, name) for name in OPTIONAL] == [getattr(decoded(), name) for name in OPTIONAL]
    assert filled.extra == {}


@pytest.mark.parametrize("field", ["to", "account_id", "message_id", "body"])
def test_it_reads_an_empty_required_field_as_it_is(field: str) -> None:
    if field == "to":
        assert decoded(to="").to == ""
    else:
        assert field in errors_of(MESSAGE | {field: ""})


def test_it_keeps_an_unknown_field_that_is_empty() -> None:
    assert decoded(vip="").extra == {"vip": ""}


def test_it_skips_the_mark_of_utf_8() -> None:
    raw = json.dumps(MESSAGE).encode()
    assert decode_message(b"\xef\xbb\xbf" + raw).to == MESSAGE["to"]
    assert errors_of(b"\xef\xbb\xbf" * 2 + raw).keys() == {"$"}


@pytest.mark.parametrize("field", ["to", "body", "message_id"])
@pytest.mark.parametrize("value", [4915112345678, 4915112345678.0, True, None, ["+4915112345678"], {"to": "x"}])
def test_it_refuses_what_is_no_text_where_a_text_must_be(field: str, value: object) -> None:
    assert errors_of(MESSAGE | {field: value}).keys() == {field}


@pytest.mark.parametrize(("written", "read"), [("AU", "AU"), ("au", "AU"), ("UK", "GB"), ("uk", "GB"), (None, None)])
def test_it_reads_the_country_in_any_case_and_uk_as_gb(written: str | None, read: str | None) -> None:
    assert decoded(country=written).country == read


ALIASES: dict[str, tuple[dict[str, Any], str | None]] = {
    "alone": ({"from": "ACME"}, "ACME"),
    "beside null": ({"from": "ACME", "sender_id": None}, "ACME"),
    "beside nothing": ({"from": "ACME", "sender_id": ""}, "ACME"),
    "beside itself": ({"from": "ACME", "sender_id": "ACME"}, "ACME"),
    "empty beside a sender": ({"from": "", "sender_id": "ACME"}, "ACME"),
    "null beside a sender": ({"from": None, "sender_id": "ACME"}, "ACME"),
    "null alone": ({"from": None}, None),
}


@pytest.mark.parametrize(("fields", "sender"), ALIASES.values(), ids=ALIASES.keys())
def test_it_reads_from_as_sender_id(fields: dict[str, Any], sender: str | None) -> None:
    message = decoded(**fields)
    assert message.sender_id == sender
    assert "from" not in message.extra


def test_it_refuses_an_alias_that_contradicts() -> None:
    assert errors_of(MESSAGE | {"from": "ACME", "sender_id": "OTHER"}).keys() == {"from"}


def test_it_keeps_unknown_fields_apart_from_its_own() -> None:
    strange = {"vip": {"level": [1, None]}, "extra": {"a": 1}, "campaign_id": "c", "schema": 9, "alias": "x"}
    message = decoded(**strange)
    assert message.extra == strange
    assert (message.campaign_id, message.sender_id) == (None, None)


def test_it_names_every_field_to_blame() -> None:
    blamed = errors_of({"account_id": 7, "to": None, "body": "", "product": "MMS", "reply_expected": "yes"})
    assert blamed.keys() == {"message_id", "account_id", "to", "body", "reply_expected"}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        pytest.param(b"", "is not JSON", id="nothing"),
        pytest.param(b"{", "is not JSON", id="half an object"),
        pytest.param(b'{"body":"\xff\xfe"}', "is not UTF-8", id="broken UTF-8"),
        pytest.param(b'{"body":"\\ud800"}', "is not JSON", id="a lone surrogate"),
        pytest.param(b"[" * 200_000, "is nested too deeply", id="deep nesting"),
        pytest.param(b'{"a":NaN}', "is not JSON", id="NaN"),
        pytest.param(b'{"a":1e999}', "is not JSON", id="a number beyond a double"),
        pytest.param(b"null", "", id="null"),
        pytest.param(b"[]", "", id="a list"),
        pytest.param(b'"text"', "", id="a text"),
    ],
)
def test_it_refuses_what_is_no_document(raw: bytes, words: str) -> None:
    assert errors_of(raw)["$"].startswith(words)


def test_it_never_quotes_the_document() -> None:
    secret = "SECRET-5309"
    for raw in (
        f'{{"body": "{secret}", }}'.encode(),
        f'{{"message_id": "{secret}{"x" * 90}"}}'.encode(),
        json.dumps(MESSAGE | {"product": secret, "sender_type": secret, "expires_at": secret}).encode(),
        json.dumps(MESSAGE | {"country": secret, "schedule": secret, "media_urls": secret}).encode(),
    ):
        assert secret not in str(errors_of(raw))


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-30T00:00:00Z",
        "2026-01-31T24:00:01Z",
        "9999-12-31T23:59:59-23:59",
        "2026-01-31T12:00:60Z",
        "2016-12-31T23:59:60+01:00",
        "9999-12-31T23:59:60Z",
    ],
)
def test_it_refuses_a_time_that_is_none(text: str) -> None:
    assert errors_of(MESSAGE | {"expires_at": text}).keys() == {"expires_at"}


@pytest.mark.parametrize(
    "text",
    ["2026-01-31T12:00:00Z", "2026-01-31t12:00:00z", "2026-01-31 23:00:00+11:00", "2026-01-31T12:00:00.000000000Z"],
)
def test_it_reads_a_time_in_any_form_of_rfc_3339(text: str) -> None:
    assert decoded(expires_at=text).expires_at == text


@pytest.mark.parametrize(
    ("document", "known"),
    [
        pytest.param({"message_id": "m", "account_id": 7}, {"message_id": "m"}, id="one of them"),
        pytest.param({"message_id": "x" * 65, "batch_id": ""}, {}, id="too long or empty"),
        pytest.param([], {}, id="no object"),
        pytest.param(None, {}, id="null"),
    ],
)
def test_it_tells_the_ids_of_a_refused_document(document: object, known: dict[str, str]) -> None:
    assert known_ids(document) == known


def test_it_names_a_message_by_account_and_id() -> None:
    digests = {message_digest(*pair) for pair in (("ab", "c"), ("a", "bc"), ("", "abc"), ("ab", "d"))}
    assert len(digests) == 4
    # Another digest would dispatch what an older worker dispatched once more.
    assert message_digest("acme", "m1").hex() == "7ab14b360a89f3a0a7b926b4ca20583f"


def test_it_tells_the_messages_of_subaccounts_apart() -> None:
    triples = [("acme", "m1"), ("acme", "m1", "nz"), ("acme", "m1", "au"), ("acme", "1", "nzm"), ("nz", "m1", "acme")]
    assert len({message_digest(*triple) for triple in triples}) == len(triples)
    # A new one would repeat every message that a worker of this edition dispatched.
    assert message_digest("acme", "m1", "nz").hex() == "2d511efd078bfd0127b3a8a28a86113a"


def test_it_decodes_any_json() -> None:
    assert decode_json(b'{"a": [1, 2.5, null, true, "\\u00e9"]}') == {"a": [1, 2.5, None, True, "é"]}
