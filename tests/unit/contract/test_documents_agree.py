"""The fast decoder and the pydantic model read the same documents, and read the same in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.decode import ExtendedMessage, Message, decode_message, read_message
from core.encoding import ContractError, decode_json
from tests.support.documents import GOOD_MESSAGE, MESSAGE_FIELDS, dressed, near, written
from tests.support.effort import examples

#: Every field of a message but those that a plain one keeps apart.
FIELDS = [name for name in ExtendedMessage.__struct_fields__ if name not in {"alias", "campaign_id", "batch_id"}]

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=70)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(scalars | texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner))

#: Mostly right, now and then wrong, so that most documents are decided by one field.
likely: dict[str, st.SearchStrategy[Any]] = {
    "message_id": st.sampled_from(["m1", "x" * 64, "x" * 65, "", "\x00", "é😀"]),
    "account_id": st.sampled_from(["acme", "x" * 64, "x" * 65, "", None]),
    "to": st.sampled_from(["+61491570156", "0491 570 156", "", "\x00"]),
    "body": st.sampled_from(["hello", "x" * 1600, "x" * 1601, "😀" * 1600, ""]),
    "subaccount_id": st.sampled_from(["acme-nz", None, "", "x" * 65]),
    "country": st.sampled_from(["AU", "au", "UK", "uk", "Uk", None, "", "A", "AUS", "1A", "ÅÄ", "AU\n"]),
    "product": st.sampled_from(["SMS", "MMS", "sms", None, ""]),
    "media_urls": st.sampled_from([None, [], ["https://example.com"], [1], "https://example.com"]),
    "sender_id": st.sampled_from([None, "", "ACME", "+61491570006", 61491570006]),
    "from": st.sampled_from([None, "", "ACME", "OTHER", 7]),
    "sender_type": st.sampled_from([None, "alpha_tag", "10DLC", "", "ALPHA_TAG"]),
    "traffic_class": st.sampled_from([None, "otp", "transactional", "spam"]),
    "reply_expected": st.sampled_from([None, True, False, 0, 1, "true"]),
    "source": st.sampled_from([None, "", "crm", 1]),
    "custom_string": st.sampled_from([None, "", "42", 42]),
    "schedule": st.sampled_from([None, 0, -1, 1893456000, 1.5, 10**30, True, "1", float("1e300")]),
    "expires_at": st.sampled_from([None, "2026-01-31T12:00:00Z", "2026-01-31", "soon", 1893456000, ""]),
    "vip": anything,
    "extra": anything,
    "campaign_id": st.sampled_from([None, "c1"]),
    "alias": st.sampled_from([None, "ACME"]),
}

GOOD = {"message_id": "m1", "account_id": "acme", "to": "+61491570156", "body": "hello"}
near_misses = st.fixed_dictionaries({}, optional=likely).map(lambda fields: GOOD | fields)
incomplete = st.tuples(near_misses, st.sets(st.sampled_from(sorted(GOOD)))).map(
    lambda pair: {name: value for name, value in pair[0].items() if name not in pair[1]}
)
wild = st.tuples(near_misses, st.dictionaries(st.sampled_from(sorted(likely)), anything, max_size=2)).map(
    lambda pair: pair[0] | pair[1]
)
documents = near_misses | incomplete | wild | anything


def fields_of(message: Message) -> dict[str, Any]:
    return {name: getattr(message, name) for name in FIELDS}


def outcome(read: Any, document: Any) -> object:
    try:
        return fields_of(read(document))
    except ContractError as error:
        return error.errors, error.known


@examples(150)
@given(documents)
def test_it_accepts_and_refuses_what_the_model_does(document: Any) -> None:
    raw = json.dumps(document, ensure_ascii=False).encode()
    assert outcome(decode_message, raw) == outcome(read_message, document)


def by_model(raw: bytes) -> Message:
    return read_message(decode_json(raw))


@pytest.mark.parametrize("name", MESSAGE_FIELDS)
def test_it_reads_every_value_of_a_field_as_the_model_does(name: str) -> None:
    for raw in near(GOOD_MESSAGE, (name,)):
        assert repr(outcome(decode_message, raw)) == repr(outcome(by_model, raw)), raw[:300]


def test_it_reads_odd_dress_as_the_model_does() -> None:
    for raw in dressed(written(GOOD_MESSAGE)):
        assert outcome(decode_message, raw) == outcome(by_model, raw), raw


def test_it_tells_a_corpus_that_is_mostly_refused_and_partly_taken() -> None:
    corpus = [raw for name in MESSAGE_FIELDS for raw in near(GOOD_MESSAGE, (name,))]
    taken = sum(isinstance(outcome(decode_message, raw), dict) for raw in corpus)
    assert 0.2 < taken / len(corpus) < 0.5


@examples(50)
@given(st.binary(max_size=300))
def test_it_refuses_every_heap_of_bytes(raw: bytes) -> None:
    try:
        json.loads(raw)
    except ValueError:
        assert isinstance(outcome(decode_message, raw), tuple)
