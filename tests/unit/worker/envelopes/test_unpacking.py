"""Compressed bodies: the same after it whatever the method and the size, and a turn taken before what is large."""

from __future__ import annotations

import pytest
from kombu.compression import compress

from worker.envelopes.unpacking import LARGE_UNPACKED, unpacked

METHODS = ("gzip", "bzip2", "lzma")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [0, 1, LARGE_UNPACKED, LARGE_UNPACKED + 100_000])
def test_it_unpacks_what_was_packed(method: str, size: int) -> None:
    body = (b"0123456789" + bytes(size))[:size]  # zeros, which all methods pack quickly
    packed, name = compress(body, method)
    turns: list[None] = []
    assert unpacked(packed, name, before_large=lambda: turns.append(None)) == body
    assert len(turns) <= 1
    assert bool(turns) == (size > LARGE_UNPACKED)


@pytest.mark.parametrize("method", METHODS)
def test_it_refuses_what_is_longer_than_it_may_be(method: str) -> None:
    packed, name = compress(b"x" * (LARGE_UNPACKED + 2000), method)
    with pytest.raises(ValueError, match="longer than"):
        unpacked(packed, name, LARGE_UNPACKED + 1000)
