"""JSON in and out: what takes many times the memory of its own bytes is not read at all."""

from __future__ import annotations

import pytest

from core.campaigns.batch import decode_batch
from core.encoding import MOST_OF, ContractError, decode_json

TOO_MANY = {
    "lists in lists": b"[" + b",".join([b"[" * 150 + b"]" * 150] * 2_000) + b"]",
    "objects": b"[" + b",".join([b"{}"] * 260_000) + b"]",
    "numbers": b"[" + b"1," * 2_100_000 + b"1]",
}


@pytest.mark.parametrize("document", TOO_MANY.values(), ids=TOO_MANY.keys())
def test_it_refuses_what_holds_too_many_parts(document: bytes) -> None:
    for read in (decode_json, decode_batch):
        with pytest.raises(ContractError, match="holds more than"):
            read(document)


def test_it_reads_as_many_as_the_largest_batch_has() -> None:
    recipient = b'{"to":"+61491570006","message_id":"m","body":"x","country":"AU","custom_string":"y","a":[{}],"b":1}'
    document = b'{"recipients":[' + b",".join([recipient] * 10_000) + b"]}"
    assert document.count(b"{") < MOST_OF[b"{"] / 10
    assert decode_json(document)


def batch_of(recipients: int, shared: int) -> bytes:
    rows = ",".join(['{"to":"+61491570156"}'] * recipients)
    ids = '"account_id":"acme","campaign_id":"c","batch_id":"b"'
    return f'{{{ids},"body":"x","source":"{"s" * shared}","recipients":[{rows}]}}'.encode()


@pytest.mark.parametrize(("recipients", "shared"), [(1, 34_000_000), (1_000, 40_000), (10_000, 40_000)])
def test_it_refuses_a_batch_whose_recipients_share_too_much(recipients: int, shared: int) -> None:
    """What they share is written for each: 400 KB of a batch would become 400 MB on the dispatch queue."""
    with pytest.raises(ContractError, match="recipients share") as refused:
        decode_batch(batch_of(recipients, shared))
    assert refused.value.known["campaign_id"] == "c"


@pytest.mark.parametrize(("recipients", "shared"), [(1, 30_000_000), (1_000, 30_000), (10_000, 30_000)])
def test_it_reads_a_batch_whose_recipients_share_less(recipients: int, shared: int) -> None:
    assert len(decode_batch(batch_of(recipients, shared)).rows) == recipients
