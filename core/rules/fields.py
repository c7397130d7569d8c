"""The fields of rule files as pydantic reads them, and its findings as sentences with their place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, StrictStr, ValidationError
from pydantic_core import ErrorDetails

from core.errors import FieldError
from core.moments import parse_moment

COUNT_MAX = 1_000_000

#: A name has at least 3 and at most 11 characters anywhere; a country may ask for more, or allow fewer.
ALPHA_MIN, ALPHA_MAX = 3, 11

#: Control characters and lone surrogates, which neither a terminal nor a database takes.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

_COUNTRY = re.compile(r"[A-Z]{2}")

#: One word, or a part of one where stars stand for the rest: `INFO`, `*INFO*`, `AD-*`, `*-AD`.
_MARKED_WORD = r"\*?[^*\s;]{1,11}\*?"


def printable(text: str) -> str:
    """The text; ValueError where neither a terminal nor a database would take it."""
    if UNPRINTABLE.search(text):
        raise ValueError("contains a character that cannot be printed")
    return text


def _country(text: str) -> str:
    if not _COUNTRY.fullmatch(text):
        raise ValueError(f"{text!r} is not an ISO 3166-1 alpha-2 code in capitals")
    return text


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")  # noqa: TRY004 - a bad value of a document, not a bug
    return parse_moment(printable(value))


def _marked(word: str) -> str:
    if not re.fullmatch(_MARKED_WORD, word) or not word.strip("*"):
        raise ValueError(f"{word!r} is not a word, whole (INFO) or with stars for what may stand around it (*INFO*)")
    return word


Text = Annotated[StrictStr, AfterValidator(printable)]
CountryCode = Annotated[StrictStr, AfterValidator(_country), Field(json_schema_extra={"pattern": "^[A-Z]{2}$"})]
Count = Annotated[StrictInt, Field(ge=0, le=COUNT_MAX)]
AlphaLength = Annotated[StrictInt, Field(ge=ALPHA_MIN, le=ALPHA_MAX)]
Flag = StrictBool
Moment = Annotated[
    datetime,
    BeforeValidator(_moment, json_schema_input_type=str),
    Field(description="a date (its first instant in UTC), or RFC 3339 with an offset"),
]
MarkedWord = Annotated[Text, AfterValidator(_marked)]
MaybeMarkedWord = Annotated[Text, AfterValidator(lambda word: word and _marked(word))]


def field_errors(error: ValidationError, line: str, noun: str) -> Iterator[FieldError]:
    """What pydantic found, a sentence for each field: `line 3, field status` and what is wrong there."""
    for detail in error.errors(include_url=False):
        yield FieldError(f"{line}, {noun} {_path(detail['loc'])}", _words(detail))


def _path(parts: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is no field of this kind of line",
    "string_type": "{input} is not a text",
    "string_unicode": "{input} contains a character that cannot be printed",
    "int_type": "{input} is not a whole number",
    "bool_type": "{input} is neither true nor false",
    "tuple_type": "{input} is not a list",
    "greater_than_equal": "{input} is not a whole number from {ge} on",
    "less_than_equal": "{input} is not a whole number up to {le}",
}


def _words(detail: ErrorDetails) -> str:
    context, given = detail.get("ctx", {}), repr(detail["input"])
    if detail["type"] in {"enum", "literal_error"}:
        values = re.findall(r"'([^']*)'", context["expected"])
        return f"{given} is not one of: {', '.join(value or '(empty)' for value in values)}"
    if detail["type"] in _WORDS:
        return _WORDS[detail["type"]].format(input=given, **context)
    return detail["msg"].removeprefix("Value error, ")
