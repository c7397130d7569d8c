"""Documents as bytes: JSON in and out, what refuses one, and which texts may be stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from core.errors import FieldError

#: Version of the documents that cross a queue, in their field `schema`.
SCHEMA_VERSION = 1
CONTENT_TYPE = "application/json"
#: The field that an error names when the document as a whole is to blame.
WHOLE_DOCUMENT = "$"

#: What some editors and programs write before a text, and the same in UTF-8.
TEXT_MARK = "\ufeff"
UTF8_MARK = TEXT_MARK.encode()

_decoder = msgspec.json.Decoder()


class ContractError(Exception):
    """A document that breaks the contract; `errors` names every field, `known` holds the ids that could be read."""

    def __init__(self, errors: Sequence[FieldError], known: Mapping[str, str] | None = None) -> None:
        super().__init__("; ".join(f"{error.field}: {error.reason}" for error in errors))
        self.errors = tuple(errors)
        self.known = dict(known or {})


def too_large(document: bytes, most: int) -> ContractError:
    """What a document of more than `most` bytes is refused with, unread."""
    return ContractError([FieldError(WHOLE_DOCUMENT, f"is {len(document)} bytes long; at most {most} are taken")])


#: What a document may hold of these bytes, in texts too: each list or object takes some hundred bytes once it is read,
#: each value some fifty, whatever the two or three bytes are that it is written with.
MOST_OF = {b"[": 250_000, b"{": 250_000, b",": 2_000_000}
_FEWEST_BYTES = min(MOST_OF.values())


def check_parts(document: bytes) -> None:
    """Raises ContractError where reading `document` would take many times the memory that it takes itself."""
    if len(document) <= _FEWEST_BYTES:
        return
    for mark, most in MOST_OF.items():
        if document.count(mark) > most:
            reason = f"holds more than {most} times {mark.decode()}"
            raise ContractError([FieldError(WHOLE_DOCUMENT, reason)])


def decode_json(document: bytes) -> object:
    """The JSON values of `document`, which may begin with UTF-8's mark. Raises ContractError where it is not UTF-8 JSON; never quotes the document."""
    check_parts(document)
    try:
        return _decoder.decode(document.removeprefix(UTF8_MARK))
    except UnicodeDecodeError:
        reason = "is not UTF-8"
    except RecursionError:
        reason = "is nested too deeply"
    except msgspec.DecodeError as error:
        reason = f"is not JSON: {error}"
    raise ContractError([FieldError(WHOLE_DOCUMENT, reason)])


def encode_json(document: object) -> bytes:
    """`document` as compact UTF-8 JSON."""
    return msgspec.json.encode(document)


def storable(text: str) -> bool:
    """Whether a text from outside can be bound at all: PostgreSQL refuses NUL, UTF-8 refuses lone surrogates."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
