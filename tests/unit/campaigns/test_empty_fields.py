"""An optional field of a batch that is "" counts as null: the batch's, its recipients', its senders'."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.campaigns.batch import Batch, ExtendedRow, Row, decode_batch
from core.contract.models import BatchRecipient, CampaignBatch

GOOD: dict[str, Any] = {"account_id": "acme", "campaign_id": "c", "batch_id": "b", "body": "hello"}
RECIPIENTS = [{"to": "+61491570156"}]
SHARED = [name for name in CampaignBatch.model_fields if name not in {*GOOD, "recipients", "senders"}]
OF_RECIPIENT = [name for name in BatchRecipient.model_fields if name != "to"]


def batch(**fields: Any) -> Batch:
    return decode_batch(json.dumps({"recipients": RECIPIENTS, **GOOD, **fields}).encode())


@pytest.mark.parametrize("field", [*SHARED, "body"])
def test_it_reads_an_empty_field_as_null(field: str) -> None:
    assert getattr(batch(**{field: ""}).shared, field) == getattr(batch(**{field: None}).shared, field)


@pytest.mark.parametrize("field", OF_RECIPIENT)
@pytest.mark.parametrize("also", [{}, {"vip": 1}], ids=["plain", "with an unknown field"])
def test_it_reads_an_empty_field_of_a_recipient_as_null(field: str, also: dict[str, Any]) -> None:
    (row,) = batch(recipients=[{"to": "+61491570156", field: ""} | also]).rows
    assert isinstance(row, (Row, ExtendedRow))
    assert getattr(row, field) is None


def test_it_gives_a_recipient_without_a_text_the_text_of_the_batch_and_a_derived_id() -> None:
    read = batch(recipients=[{"to": "+61491570156", "body": "", "message_id": ""}])
    assert [row.body for row in read.rows if isinstance(row, Row)] == [None]
    assert read.message_id(0).endswith("-0")


def test_it_reads_empty_senders_as_none() -> None:
    assert batch(senders="").overrides == {}
    sender = {
        "recipient_country_code": "AU",
        "sender_type": "alpha_tag",
        "sender_id": "ACME",
        "sender_country_code": "",
    }
    assert batch(senders=[sender]).overrides["AU"].sender_country is None


def test_it_skips_the_mark_of_utf_8() -> None:
    raw = json.dumps({**GOOD, "recipients": RECIPIENTS}).encode()
    assert len(decode_batch(b"\xef\xbb\xbf" + raw).rows) == 1
