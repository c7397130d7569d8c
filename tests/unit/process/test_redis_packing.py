"""The packer writes what redis-py's own writes, only in other pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis._parsers.encoders import Encoder
from redis.connection import PythonRespSerializer

from core.process.redis_packing import CHUNK_BYTES, BulkPacker

_values = st.binary() | st.text() | st.integers() | st.floats(allow_nan=False)


def reference(*args: object) -> bytes:
    return b"".join(PythonRespSerializer(6000, Encoder("utf-8", "strict", False).encode).pack(*args))


@given(st.lists(_values, max_size=8))
def test_it_packs_like_the_library(values: list[object]) -> None:
    assert b"".join(BulkPacker().pack("LPUSH", *values)) == reference("LPUSH", *values)


def test_it_splits_a_name_of_two_words() -> None:
    assert b"".join(BulkPacker().pack("CLIENT SETINFO", "a", 1)) == reference("CLIENT SETINFO", "a", 1)


def test_it_packs_a_large_command_in_pieces() -> None:
    args = ("LPUSH", "q", *[b"x" * 1000] * 1000)
    pieces = BulkPacker().pack(*args)
    assert b"".join(pieces) == reference(*args)
    assert max(map(len, pieces)) < 2 * CHUNK_BYTES


@pytest.mark.parametrize("value", [None, True, {}, []])
def test_it_refuses_what_redis_has_no_form_for(value: object) -> None:
    with pytest.raises(TypeError):
        BulkPacker().pack("SET", "k", value)  # type: ignore[arg-type]
