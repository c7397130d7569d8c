"""A batch in; enriched, parked and deferred documents out, one verdict for each group."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from core.cache.verdict import ParkVerdict, SenderVerdict, Verdict, sender_fields
from core.campaigns.assigning import assign_chunk
from core.campaigns.batch import read_batch
from core.content.inspection import Content
from core.contract.ids import MessageIds
from core.contract.models import EnrichedMessage
from core.engine.decision import Request
from core.errors import ParkReason
from core.messages.assigner import Assigner, Outcome
from core.sender import SenderType
from tests.support.ids import message_digest

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
ASSIGNMENT = {"source": "smart", "grade": "compliant", "reason": "LOCAL_DEDICATED", "warnings": []}
WHOLE_ASSIGNMENT = ASSIGNMENT | {"decision_id": "d", "rules_version": "r", "alternates": []}
SENDER = SenderVerdict(sender_fields("+61400000001", SenderType.LONGCODE, "AU", ASSIGNMENT))
NONE = ParkVerdict(ParkReason.NO_COMPLIANT_SENDER, "no sender fits")
MAX_BYTES = 10_000


class Verdicts:
    """Gives AU a sender, NZ none, and GB no answer at all; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def verdicts(self, requests: Iterable[Request], now: datetime) -> Mapping[Request, Verdict]:
        batch = list(requests)
        self.asked += batch
        known = {"AU": SENDER, "NZ": NONE}
        return {request: known[request.country] for request in batch if request.country in known}


def document(to: str = "+61491570156", **fields: Any) -> bytes:
    return json.dumps({"message_id": "m1", "account_id": "acme", "to": to, "body": "hello"} | fields).encode()


def assign(*documents: bytes, verdicts: Verdicts | None = None) -> Outcome:
    return Assigner(verdicts or Verdicts(), max_bytes=MAX_BYTES, clock=lambda: NOW).assign(documents)


def test_it_writes_the_verdict_into_the_message() -> None:
    (payload,) = assign(document("0491 570 156", country="AU", vip=True)).payloads
    enriched = json.loads(payload)
    assert enriched["to"] == "+61491570156"
    assert (enriched["sender_id"], enriched["sender_type"], enriched["sender_country_code"]) == (
        "+61400000001",
        "longcode",
        "AU",
    )
    assert enriched["assignment"] == ASSIGNMENT
    assert enriched["extra"] == {"vip": True}
    assert enriched["assigned_at"] == "2026-08-01T12:00:00.000000Z"
    assert enriched["dispatch_id"] == message_digest("acme", "m1").hex()


def test_it_accounts_for_every_document() -> None:
    batch = [document(), b"{", document("+64211234567"), document("+447400123456"), document("nobody")]
    outcome = assign(*batch)
    assert outcome.indexes == [0]
    assert [(entry.index, entry.reason) for entry in outcome.parked] == [
        (1, ParkReason.INVALID_MESSAGE),
        (4, ParkReason.INVALID_RECIPIENT),
        (2, ParkReason.NO_COMPLIANT_SENDER),
    ]
    assert outcome.deferred == [3]


def test_it_asks_once_for_messages_that_depend_on_the_same() -> None:
    verdicts = Verdicts()
    assign(*(document(message_id=f"m{n}", body=f"text {n}") for n in range(50)), verdicts=verdicts)
    assert len(verdicts.asked) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"account_id": "other"},
        {"subaccount_id": "acme-nz"},
        {"traffic_class": "otp"},
        {"reply_expected": True},
        {"sender_id": "ACME"},
        {"product": "MMS", "media_urls": ["https://example.com"]},
    ],
    ids=str,
)
def test_it_asks_apart_for_what_a_decision_depends_on(fields: dict[str, Any]) -> None:
    verdicts = Verdicts()
    assign(document(), document(**fields), verdicts=verdicts)
    assert len(verdicts.asked) == 2


def test_it_parks_what_has_expired_and_sends_what_has_not() -> None:
    outcome = assign(document(expires_at="2026-08-01T12:00:00Z"), document(expires_at="2026-08-01T12:00:00.000001Z"))
    assert [entry.reason for entry in outcome.parked] == [ParkReason.EXPIRED]
    assert outcome.indexes == [1]


def test_it_measures_documents_before_it_reads_them() -> None:
    outcome = assign(document(source="x" * MAX_BYTES), document())
    assert outcome.parked[0].fields[0].field == "$"
    assert outcome.indexes == [1]


def test_it_tells_the_ids_of_what_it_parks() -> None:
    (entry,) = assign(document("+64211234567", subaccount_id="acme-nz")).parked
    assert entry.ids == MessageIds(message_id="m1", account_id="acme", subaccount_id="acme-nz", country="NZ")


@pytest.mark.parametrize("sender_id", ["x" * 5000, "a\u202eb", "\x00", "\n"])
def test_it_asks_for_a_sender_in_a_form_that_keys_and_logs_can_hold(sender_id: str) -> None:
    verdicts = Verdicts()
    assign(document(sender_id=sender_id), verdicts=verdicts)
    explicit = verdicts.asked[0].explicit
    assert explicit is not None
    assert explicit.sender_id is not None
    assert len(explicit.sender_id) <= 32
    assert explicit.sender_id.isprintable()


#: Fields of a message; all others are passed through.
OWN = {"message_id", "account_id", "body", "source", "schedule"}

HOSTILE: dict[str, dict[str, Any]] = {
    "an integer of 100 bits": {"schedule": 2**100, "vip": -(2**100)},
    "NUL everywhere": {"message_id": "\x00", "account_id": "\x00", "body": "\x00", "source": "\x00"},
    "names of our own code": {"__class__": 1, "model_extra": 2, "extra": {}, "dispatch_id": "x", "assignment": 1},
    "nesting that JSON readers still take": {"vip": json.loads("[" * 200 + "]" * 200)},
}


@pytest.mark.parametrize("fields", HOSTILE.values(), ids=HOSTILE.keys())
def test_it_passes_strange_values_through(fields: dict[str, Any]) -> None:
    (payload,) = assign(document(**fields)).payloads
    enriched = json.loads(payload)
    extra = {name: value for name, value in fields.items() if name not in OWN}
    assert extra.items() <= enriched["extra"].items()


def test_it_survives_nesting_of_every_depth() -> None:
    for depth in (10, 700, 800, 900, 950, 980, 990, 1000, 1100):
        nested = document().replace(b'"hello"', b'"hello","vip":' + b"[" * depth + b"]" * depth)
        outcome = assign(nested, document())
        assert outcome.indexes[-1] == 1


@pytest.mark.parametrize(
    ("fields", "encoding", "segments"),
    [
        ({"body": "hello"}, "GSM-7", 1),
        ({"body": "x" * 161}, "GSM-7", 2),
        ({"body": 'a "quoted"\nline, 10 €'}, "GSM-7", 1),
        ({"body": "ж" * 71}, "UCS-2", 2),
        ({"product": "MMS", "media_urls": ["https://example.com/a.png"]}, None, None),
    ],
    ids=str,
)
def test_it_tells_the_size_of_the_text(fields: dict[str, Any], encoding: str | None, segments: int | None) -> None:
    for payload in assign(document(**fields), document(**fields, message_id="m2")).payloads:
        enriched = EnrichedMessage.model_validate(json.loads(payload) | {"assignment": WHOLE_ASSIGNMENT})
        assert (enriched.encoding, enriched.segments) == (encoding, segments)
        assert list(json.loads(payload)) == [
            field.alias or name for name, field in EnrichedMessage.model_fields.items()
        ]


def test_it_tells_the_size_of_a_text_that_a_chunk_shares() -> None:
    shared = {"account_id": "acme", "campaign_id": "c", "batch_id": "b", "body": "ж" * 71}
    recipients = [{"to": f"+6149157015{n}"} for n in range(3)] + [{"to": "+61491570159", "body": "hello"}]
    batch = read_batch(shared | {"recipients": recipients})
    outcome = assign_chunk(Assigner(Verdicts(), max_bytes=MAX_BYTES, clock=lambda: NOW), batch, 0)
    sizes = [(each["encoding"], each["segments"]) for each in map(json.loads, outcome.payloads)]
    assert sizes == [("UCS-2", 2)] * 3 + [("GSM-7", 1)]


def content_asked(countries: Mapping[str, bool], *texts: str) -> list[Content]:
    verdicts = Verdicts()
    assigner = Assigner(verdicts, max_bytes=MAX_BYTES, clock=lambda: NOW, content_countries=lambda: countries)
    assigner.assign([document(message_id=f"m{n}", body=text) for n, text in enumerate(texts)])
    return [request.content for request in verdicts.asked]


def test_it_tells_texts_apart_only_where_the_country_looks_at_them() -> None:
    texts = ("hello", "see acme.com", "see acme.com/2", "bit.ly/x", "call +61491570156")
    assert content_asked({"NZ": True}, *texts) == [Content()]
    assert content_asked({"AU": False}, *texts) == [Content(), Content(True), Content(True, True)]
    assert content_asked({"AU": True}, *texts)[-1] == Content(has_phone=True)


def test_it_tells_the_texts_of_a_chunk_apart_where_the_country_looks_at_them() -> None:
    shared = {"account_id": "acme", "campaign_id": "c", "batch_id": "b", "body": "see acme.com"}
    recipients = [{"to": f"+6149157015{n}"} for n in range(3)] + [
        {"to": "+61491570159", "body": "hello"},
        {"to": "+64211234567"},
        {"to": "0491 570 158", "country": "AU"},
    ]
    verdicts = Verdicts()
    assigner = Assigner(verdicts, max_bytes=MAX_BYTES, clock=lambda: NOW, content_countries=lambda: {"AU": False})
    outcome = assign_chunk(assigner, read_batch(shared | {"recipients": recipients}), 0)
    asked = [(request.country, request.content.has_url) for request in verdicts.asked]
    assert asked == [("AU", True), ("AU", False), ("NZ", False)]
    assert sorted(outcome.indexes) == [0, 1, 2, 3, 5]
