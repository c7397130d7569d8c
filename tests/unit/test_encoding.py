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
