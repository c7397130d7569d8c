"""Enriched messages, written fast: what a group of messages shares is encoded once, the rest for each message.

The result is the JSON of `core.contract.models.EnrichedMessage`, field by field in its order; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import msgspec

from core.cache.verdict import SenderVerdict
from core.content.segments import ONE_SEPTET, TextSize, plain_size, text_size
from core.contract.decode import MOST_CHARACTERS, Message
from core.encoding import SCHEMA_VERSION, encode_json
from core.engine.nearness import NearestSender
from core.engine.spread import pick_sender
from core.sender import Product, TrafficClass

_HEAD = b'{"schema":%d,"dispatch_id":"' % SCHEMA_VERSION
_BEFORE_ID = b'","message_id":'
_encode = msgspec.json.Encoder().encode


class _Tail(msgspec.Struct, gc=False):
    """The fields that are null in most messages: they come last, so that their usual text is one constant."""

    media_urls: list[str] | None = None
    source: str | None = None
    custom_string: str | None = None
    schedule: int | float | None = None
    expires_at: str | None = None
    campaign_id: str | None = None
    batch_id: str | None = None
    extra: Mapping[str, Any] = {}


_USUAL_TAIL = encode_json(_Tail())[1:]


@cache
def _size_fields(size: TextSize | None) -> bytes:
    """The fields that tell the size of a text; an MMS has none."""
    encoding, segments = size or (None, None)
    return b"," + encode_json({"encoding": encoding, "segments": segments})[1:-1]


_NO_SIZE = _size_fields(None)
_QUOTES = 2
#: Those of plain texts, by the length of their JSON.
_PLAIN_SIZES = tuple(_size_fields(plain_size(length)) for length in range(-_QUOTES, MOST_CHARACTERS + 1))


def _size_of_text(body: str, encoded: bytes) -> bytes:
    return _PLAIN_SIZES[len(encoded)] if encoded.translate(ONE_SEPTET) == encoded else _size_fields(text_size(body))


def _size_of_mms(_body: str, _encoded: bytes) -> bytes:
    return _NO_SIZE


class Writer:
    """Writes the messages of one group, with the verdict that they share."""

    __slots__ = ("_after_body", "_before_body", "_before_to", "_body", "_rest", "_size", "_tail")

    def __init__(self, message: Message, country: str, shared: bytes, assigned_at: str) -> None:
        owner = encode_json({"account_id": message.account_id, "subaccount_id": message.subaccount_id})
        wanted = _wanted(message.product, message.traffic_class, message.reply_expected)
        self._before_to = b',%b,"to":"' % owner[1:-1]
        self._before_body = b'","country":%b,"body":' % encode_json(country)
        self._after_body = b'%b%b,"assigned_at":"%b",' % (wanted, shared[1:-1], assigned_at.encode())
        self._body: str | None = None
        self._tail = self._rest = b""
        self._size = _size_of_text if message.product is Product.SMS else _size_of_mms

    def write(self, message_id: str, e164: str, body: str, tail: bytes, dispatch_id: bytes) -> bytes:
        """The JSON of one message of the group; `tail` is what `tail_of` gives for it, `dispatch_id` in ASCII."""
        if body is self._body and tail is self._tail:  # a campaign's: the very same objects again and again
            rest = self._rest = self._rest or self._shared_rest(body, tail)
            return b"".join((_HEAD, dispatch_id, _BEFORE_ID, _encode(message_id), self._before_to, e164.encode(), rest))
        self._body, self._tail, self._rest = body, tail, b""
        encoded = _encode(body)
        return b"".join(
            (
                _HEAD,
                dispatch_id,
                _BEFORE_ID,
                _encode(message_id),
                self._before_to,
                e164.encode(),
                self._before_body,
                encoded,
                self._size(body, encoded),
                self._after_body,
                tail,
            )
        )

    def _shared_rest(self, body: str, tail: bytes) -> bytes:
        encoded = _encode(body)
        return b"".join((self._before_body, encoded, self._size(body, encoded), self._after_body, tail))


@cache
def _wanted(product: Product, traffic_class: TrafficClass, reply_expected: bool) -> bytes:
    wanted = {"product": product, "traffic_class": traffic_class, "reply_expected": reply_expected}
    return b",%b," % encode_json(wanted)[1:-1]


def picker_of(verdict: SenderVerdict) -> Callable[[str], int]:
    """What gives the place in the verdict's pool of the sender for a recipient in E.164."""
    tickets = [member.ticket for member in verdict.pool]
    if verdict.nearest:
        return NearestSender([member.place for member in verdict.pool], tickets, spread=verdict.spread).pick
    return partial(pick_sender, tickets=tickets)


class SpreadWriter:
    """Writes the messages of one group whose recipients share a pool: each with the sender of its recipient."""

    __slots__ = ("_pick", "_writers")

    def __init__(self, message: Message, country: str, verdict: SenderVerdict, assigned_at: str) -> None:
        self._pick = picker_of(verdict)
        self._writers = [Writer(message, country, bytes(member.shared), assigned_at) for member in verdict.pool]

    def write(self, message_id: str, e164: str, body: str, tail: bytes, dispatch_id: bytes) -> bytes:
        """The JSON of one message of the group; `tail` is what `tail_of` gives for it."""
        return self._writers[self._pick(e164)].write(message_id, e164, body, tail, dispatch_id)


def writer_of(message: Message, country: str, verdict: SenderVerdict, assigned_at: str) -> Writer | SpreadWriter:
    """What writes the messages of a group; `message` is one of them."""
    if verdict.pool:
        return SpreadWriter(message, country, verdict, assigned_at)
    return Writer(message, country, bytes(verdict.shared), assigned_at)


def tail_of(message: Message) -> bytes:
    """The last fields of a message's JSON; a message of a batch has them with it."""
    if message.tail is not None:
        return message.tail
    if type(message) is Message and message.is_plain:
        return _USUAL_TAIL
    return encode_tail(message)


def encode_tail(message: Message) -> bytes:
    """The last fields of a message's JSON; whoever writes many with the same ones may keep it in `message.tail`."""
    return encode_json(
        _Tail(
            message.media_urls,
            message.source,
            message.custom_string,
            message.schedule,
            message.expires_at,
            message.campaign_id,
            message.batch_id,
            message.extra,
        )
    )[1:]
