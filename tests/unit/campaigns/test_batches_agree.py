"""Campaign batches are read fast as the pydantic models read them: the same accepted, refused, and found in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.campaigns.batch import Batch, RefusedRow, decode_batch
from core.contract.models import BatchRecipient, CampaignBatch, validated
from core.encoding import ContractError, decode_json
from tests.support.documents import BATCH_FIELDS, GOOD_BATCH, GOOD_RECIPIENT, RECIPIENT_FIELDS, dressed, near, written
from tests.support.effort import examples
from tests.unit.contract.test_documents_agree import anything, likely

SHARED = [name for name in CampaignBatch.model_fields if name not in {"recipients", "senders"}]
ROW = list(BatchRecipient.model_fields)


@dataclass(frozen=True)
class Read:
    """What was found in a batch, in plain values."""

    shared: Mapping[str, Any]
    rows: list[object]
    senders: Mapping[str, tuple[str | None, str, str | None]]
    extra: Mapping[str, Any]


def by_models(raw: bytes) -> Read:
    document = decode_json(raw)
    model = validated(CampaignBatch, document)
    senders = {
        each.recipient_country_code: (each.sender_id or None, str(each.sender_type), each.sender_country_code)
        for each in reversed(model.senders or ())
    }
    shared = {name: getattr(model, name) for name in SHARED}
    return Read(shared, [row_by_model(*pair) for pair in enumerate(model.recipients)], senders, model.model_extra or {})


def row_by_model(index: int, value: object) -> object:
    try:
        model = validated(BatchRecipient, value)
    except ContractError as error:
        places = [f"recipients[{index}]" + ("" if each.field == "$" else f".{each.field}") for each in error.errors]
        return [(place, each.reason) for place, each in zip(places, error.errors, strict=True)]
    return {name: getattr(model, name) for name in ROW}, model.model_extra or {}


def fast(raw: bytes) -> Read:
    batch = decode_batch(raw)
    senders = {
        country: (ref.sender_id, str(ref.sender_type), ref.sender_country) for country, ref in batch.overrides.items()
    }
    return Read({name: getattr(batch.shared, name) for name in SHARED}, rows_of(batch), senders, batch.extra)


def rows_of(batch: Batch) -> list[object]:
    return [
        [(error.field, error.reason) for error in row.errors]
        if isinstance(row, RefusedRow)
        else ({name: getattr(row, name) for name in ROW}, batch.extra_of(row, own=True))
        for row in batch.rows
    ]


def outcome(read: Any, raw: bytes) -> object:
    try:
        return read(raw)
    except ContractError as error:
        return error.errors, error.known


def same(raw: bytes) -> None:
    found, expected = outcome(fast, raw), outcome(by_models, raw)
    assert repr(found) == repr(expected), raw[:300]


@pytest.mark.parametrize("name", BATCH_FIELDS)
def test_it_reads_every_value_of_a_field_as_the_model_does(name: str) -> None:
    for raw in near(GOOD_BATCH, (name,)):
        same(raw)


@pytest.mark.parametrize("name", RECIPIENT_FIELDS)
def test_it_reads_every_value_of_a_recipient_as_the_model_does(name: str) -> None:
    for recipient in near(GOOD_RECIPIENT, (name,)):
        same(written({**GOOD_BATCH, "recipients": b'[{"to":"+61491570157"},%b]' % recipient}))


def test_it_reads_odd_dress_as_the_model_does() -> None:
    for raw in dressed(written(GOOD_BATCH)):
        # A list is how a part that is sent again is kept; no batch is one.
        if not raw.startswith(b"["):
            same(raw)


@pytest.mark.parametrize("count", [0, 1, 10_000, 10_001])
def test_it_counts_recipients_as_the_model_does(count: int) -> None:
    same(written({**GOOD_BATCH, "recipients": b"[%b]" % b",".join([b'{"to":"1"}'] * count)}))


NO_PARTS = [
    b"[]",
    b"[{}]",
    b'["p","EXPIRED",0]',
    b'["p","NOTHING",0,{}]',
    b'["p","EXPIRED",1.5,{}]',
    b'[1,"EXPIRED",0,{}]',
]


@pytest.mark.parametrize("raw", [*NO_PARTS, b'["p","EXPIRED",0,[]]', b'["p","EXPIRED",0,%b' % written(GOOD_BATCH)])
def test_it_refuses_a_list_that_is_no_part_of_a_batch(raw: bytes) -> None:
    with pytest.raises(ContractError):
        decode_batch(raw)


recipients: dict[str, st.SearchStrategy[Any]] = {
    name: likely[name] for name in ("message_id", "body", "country", "custom_string", "vip", "extra")
}
rows = (
    st.fixed_dictionaries({"to": likely["to"]}, optional=recipients)
    | st.fixed_dictionaries({}, optional=recipients | {"to": anything})
    | anything
)
numbers = st.sampled_from([None, 1, 0, -1, 2.0, True, "1", 10**30])
fields: dict[str, st.SearchStrategy[Any]] = {
    name: value for name, value in likely.items() if name not in {"account_id", "campaign_id", "message_id", "to"}
}
batches = st.fixed_dictionaries(
    {
        "account_id": likely["account_id"],
        "campaign_id": st.sampled_from(["c1", "x" * 64, "x" * 65]),
        "batch_id": st.sampled_from(["b1", "b2", ""]),
        "recipients": st.lists(rows, max_size=3),
    },
    optional=fields | {"total_batches": numbers, "senders": st.none() | st.lists(anything, max_size=1)},
)


@examples(100)
@given(batches)
def test_it_reads_any_batch_as_the_model_does(document: Any) -> None:
    same(json.dumps(document, ensure_ascii=False).encode())
