"""The traces of one recipient in a parked document, and the document without them.

A parked document is what somebody sent: a message, a campaign batch, one recipient of a batch, a task message of Celery,
or no JSON at all. The number may be spelled in it in any way, in any field.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.encoding import ContractError, decode_json, encode_json
from core.phone import NumberSearch

#: Stands for a recipient that was removed, so that those behind it keep their places, and with them their ids.
ERASED_RECIPIENT = {"to": "erased"}

_NOTHING_LEFT = b""
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
#: Escapes of JSON, bodies in base64, and powers of ten, which leave noughts out.
_HIDES_DIGITS = re.compile(rb"\\u|body_encoding|[0-9.][eE][+-]?[0-9]")


@dataclass(frozen=True, slots=True)
class Traces:
    """What a document says of a number: `document` is what may be kept of it, empty where the whole is about the number.

    `recipients` is how many recipients of a batch were taken out; `readable` false: it could not be looked into.
    """

    document: bytes
    recipients: int = 0
    readable: bool = True


def without(document: bytes, search: NumberSearch) -> Traces:
    """The document without the number that is searched for."""
    if _shows_all(document) and search.tail.encode() not in document.translate(None, _NO_DIGITS):
        return Traces(document)
    try:
        content = decode_json(document)
    except ContractError:
        return _of_unread(document, search)
    if isinstance(content, dict) and isinstance(content.get("recipients"), list):
        return _of_batch(document, content, search)
    if isinstance(content, dict) and (inner := _task_body(content)) is not None:
        found = _of_unread(inner, search)
        return Traces(document, readable=found.readable) if found.document else found
    return Traces(_NOTHING_LEFT if _names(content, search, _country(content)) else document)


def _shows_all(document: bytes) -> bool:
    """Whether every digit in the document is one of ASCII, in its place: so are nearly all, and need not be read."""
    return document.isascii() and _HIDES_DIGITS.search(document) is None


def _of_unread(document: bytes, search: NumberSearch) -> Traces:
    if search.is_in(document.decode("utf-8", "replace")):
        return Traces(_NOTHING_LEFT)
    return Traces(document, readable=_is_text(document))


def _is_text(document: bytes) -> bool:
    try:
        document.decode()
    except UnicodeDecodeError:
        return False
    return True


def _of_batch(document: bytes, batch: dict[str, Any], search: NumberSearch) -> Traces:
    country = _country(batch)
    named = [_names(each, search, _country(each) or country) for each in batch["recipients"]]
    rest = {name: value for name, value in batch.items() if name != "recipients"}
    if _names(rest, search, country):
        return Traces(_NOTHING_LEFT)
    if not any(named):
        return Traces(document)
    if all(named):
        return Traces(_NOTHING_LEFT)
    kept = [ERASED_RECIPIENT if gone else each for each, gone in zip(batch["recipients"], named, strict=True)]
    return Traces(encode_json(batch | {"recipients": kept}), sum(named))


def _task_body(content: dict[str, Any]) -> bytes | None:
    """What a task message on a Redis list holds; None where it is none, or shows its body."""
    body, properties = content.get("body"), content.get("properties")
    if not isinstance(body, str) or not isinstance(properties, dict) or properties.get("body_encoding") != "base64":
        return None
    try:
        return b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None


def _country(content: object) -> str | None:
    """The country by which a national number in a document is read; that of the batch for one recipient of it."""
    waiting = [content]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting.extend(reversed(each))
        elif isinstance(each, dict) and isinstance(country := each.get("country"), str) and country:
            return country
    return None


def _names(content: object, search: NumberSearch, country: str | None) -> bool:
    return any(search.is_in(text, country) for text in _texts(content))


def _texts(content: object) -> Iterator[str]:
    """Every text and number in JSON values; without recursion, for they may be nested deeply."""
    waiting = [content]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case bool() | None:
                pass
            case int() | float() as number:
                yield f"{number:.0f}" if isinstance(number, float) else str(number)
            case dict() as members:
                waiting += [*members, *members.values()]
            case list() as elements:
                waiting += elements
            case _:
                pass
