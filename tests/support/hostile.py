"""A million bytes that no message is: seeded, so that a failure can be repeated."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.accounts import AU, message

#: A document of 10 MB; the worker's default limit is 1 MiB.
HUGE = json.dumps(message(body="x" * 10_000_000)).encode()
DEEP = b"[" * 100_000
DEEP_EXTRA = json.dumps(message()).encode()[:-1] + b',"vip":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}"

_WRONG: tuple[dict[str, Any], ...] = (
    {"message_id": None},
    {"message_id": ""},
    {"message_id": ["m"]},
    {"message_id": "x" * 65},
    {"account_id": 7},
    {"account_id": "\x00"},
    {"account_id": "no\x00body"},
    {"account_id": "' OR 1=1 --"},
    {"account_id": "😀" * 64},
    {"subaccount_id": "\x00"},
    {"subaccount_id": "sub\u202enobody"},
    {"to": ""},
    {"to": "\x00"},
    {"to": "+" + "9" * 5000},
    {"to": {"a": AU}},
    {"to": "nobody"},
    {"country": "\x00\x00"},
    {"country": "AUS"},
    {"body": ""},
    {"body": "x" * 1601},
    {"body": 1},
    {"product": "FAX"},
    {"product": "MMS"},
    {"media_urls": "https://example.com"},
    {"sender_id": 61491570006},
    {"sender_type": "pigeon"},
    {"traffic_class": "\x00"},
    {"reply_expected": "yes"},
    {"schedule": "tomorrow"},
    {"schedule": True},
    {"expires_at": "2026-01-31"},
    {"expires_at": "2020-01-01T00:00:00Z"},
    {"from": "A", "sender_id": "B"},
)

_PLAIN: tuple[bytes, ...] = (
    b"",
    b" ",
    b"null",
    b"true",
    b"0",
    b"1e999",
    b"-",
    b'""',
    b'"text"',
    b"[]",
    b"[{}]",
    b"{}",
    b"{",
    b"\x00",
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b'{"a":NaN}',
    b'{"a":' + b"9" * 5000 + b"}",
    b'{"body":"\\ud800"}',
    b'{"\\udfff":1}',
    b'{"body":"\xc3\x28"}',
    b'{"message_id":"a","message_id":"b"}',
    b"<message/>",
    b"\x80\x04\x95\x00",
)


def _noise(chance: random.Random) -> bytes:
    # Its first byte begins no JSON value.
    return b"\xc1" + chance.randbytes(chance.randrange(2000))


def _cut(chance: random.Random) -> bytes:
    whole = json.dumps(message(source="x" * chance.randrange(500))).encode()
    return whole[: chance.randrange(len(whole))]


def _wrong(chance: random.Random) -> bytes:
    return json.dumps(message(**chance.choice(_WRONG))).encode()


def _odd(chance: random.Random) -> bytes:
    return chance.choice(_PLAIN)


_KINDS: tuple[Callable[[random.Random], bytes], ...] = (_noise, _cut, _wrong, _odd)


def hostile_documents(size: int = 1_000_000, seed: int = 20261123) -> Iterator[bytes]:
    """Documents of `size` bytes in all, each to be parked; every known trick is among them."""
    chance = random.Random(seed)
    yield from _PLAIN
    yield from (json.dumps(message(**fields)).encode() for fields in _WRONG)
    written = 0
    while written < size:
        document = chance.choice(_KINDS)(chance)
        written += len(document)
        yield document


def odd_but_good() -> list[bytes]:
    """Documents that look hostile and break no rule."""
    return [
        json.dumps(message(message_id="a\x00b", body="\x00", source="\x00", custom_string="\u202e")).encode(),
        json.dumps(message(schedule=10**30, vip=-(10**30))).encode(),
        json.dumps(message(body="😀" * 1600)).encode(),
        json.dumps(message(sender_id="x" * 100_000)).encode(),
        json.dumps(message(sender_id="\x00")).encode(),
        json.dumps(message(__class__="x", extra=[], assignment={}, dispatch_id="")).encode(),
        b'{"to":"nobody",' + json.dumps(message()).encode()[1:],
        b"\r\n\t " + json.dumps(message()).encode() + b"\n",
    ]
