"""Receipts as they come in: what is read, what is refused and by which field, whichever of the two readers reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from core.contract import feedback
from core.contract.feedback import MAX_OUTCOMES, Outcome, OutcomeKind, decode_feedback
from core.encoding import ContractError
from core.sender import SenderType

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PLAIN: dict[str, Any] = {
    "dispatch_id": "0123456789abcdef",
    "sender_id": "+61491570006",
    "sender_type": "longcode",
    "account_id": "acme",
    "country": "AU",
    "outcome": "delivered",
    "at": "2026-11-28T11:59:58.5Z",
}
READ = Outcome(
    SenderType.LONGCODE,
    "AU",
    OutcomeKind.DELIVERED,
    NOW - timedelta(seconds=1.5),
    "+61491570006",
    "acme",
    dispatch_id="0123456789abcdef",
)

#: label: (changes, what is then read)
ACCEPTED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as it is": ({}, {}),
    "a field that nobody knows": ({"smsc": {"id": 7}}, {}),
    "the platform pool's own word": ({"account_id": None}, {"account_id": None}),
    "an empty account": ({"account_id": ""}, {"account_id": None}),
    "a pool without a number": (
        {"sender_id": None, "sender_type": "shared_longcode"},
        {"sender_id": None, "sender_type": SenderType.SHARED_LONGCODE},
    ),
    "UK": ({"country": "UK"}, {"country": "GB"}),
    "a country in small letters": ({"country": "au"}, {}),
    "another offset": ({"at": "2026-11-28T12:59:58.5+01:00"}, {}),
    "a clock that is ahead": ({"at": "2026-11-28T12:59:00Z"}, {"at": NOW + timedelta(minutes=59)}),
    "a spam report": ({"outcome": "spam_report"}, {"outcome": OutcomeKind.SPAM_REPORT}),
}
#: label: (changes, the field to blame)
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an outcome that is none": ({"outcome": "lost"}, "outcome"),
    "no outcome": ({"outcome": None}, "outcome"),
    "a type that is none": ({"sender_type": "LONGCODE"}, "sender_type"),
    "no Sender ID": ({"sender_id": None}, "sender_id"),
    "a Sender ID that is a number": ({"sender_id": 61491570006}, "sender_id"),
    "a long Sender ID": ({"sender_id": "x" * 65}, "sender_id"),
    "a country of three letters": ({"country": "AUS"}, "country"),
    "a time without an offset": ({"at": "2026-11-28T11:59:58"}, "at"),
    "a time as a number": ({"at": 1795867198}, "at"),
    "a time far ahead": ({"at": "2026-11-28T13:00:01Z"}, "at"),
    "a long account": ({"account_id": "a" * 65}, "account_id"),
}


def encoded(document: object) -> bytes:
    return msgspec.json.encode(document)


@pytest.mark.parametrize("label", ACCEPTED)
def test_it_reads_what_the_contract_allows(label: str) -> None:
    changes, read = ACCEPTED[label]
    receipt = PLAIN | changes
    expected = msgspec.structs.replace(READ, **read)
    assert decode_feedback(encoded(receipt), NOW) == ([expected], [])
    # A neighbour that only the model reads has the whole list read by it.
    slow = decode_feedback(encoded([receipt, PLAIN | {"country": "au"}]), NOW)
    assert slow == ([expected, READ], [])


@pytest.mark.parametrize("label", REFUSED)
def test_it_refuses_by_the_field_and_takes_the_neighbours(label: str) -> None:
    changes, field = REFUSED[label]
    receipt = PLAIN | changes
    outcomes, (refused,) = decode_feedback(encoded([PLAIN, receipt, PLAIN]), NOW)
    assert outcomes == [READ, READ]
    assert (refused.place, refused.receipt) == (1, receipt)
    assert [error.field for error in refused.error.errors] == [field]
    assert refused.error.known == {"account_id": receipt["account_id"], "country": receipt["country"]} or field in {
        "country",
        "account_id",
    }


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b"{", b'"delivered"', b"\xff", b"[" * 100_000, encoded([PLAIN] * (MAX_OUTCOMES + 1))],
    ids=["nothing", "no receipt", "half", "a text", "no UTF-8", "deep", "too many"],
)
def test_it_refuses_a_document_that_is_none(document: bytes) -> None:
    try:
        outcomes, refused = decode_feedback(document, NOW)
    except ContractError:
        return
    assert (outcomes, len(refused)) == ([], 1)


def test_it_takes_as_many_as_may_be() -> None:
    outcomes, refused = decode_feedback(encoded([PLAIN] * MAX_OUTCOMES), NOW)
    assert (len(outcomes), refused) == (MAX_OUTCOMES, [])


def test_it_asks_the_model_only_where_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "_read", lambda *_: pytest.fail("read twice"))
    assert decode_feedback(encoded([PLAIN]), NOW) == ([READ], [])
