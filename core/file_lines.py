"""Lines of files that people write: read by pydantic models, and refused with line and field, in one form of words.

Rule files and inventory files stand on this. A refusal quotes what it found, but never more than some characters of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StrictBool, StrictStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from core.encoding import WHOLE_DOCUMENT, ContractError, decode_json
from core.errors import FieldError, quoted
from core.moments import parse_moment
from core.unknown_names import did_you_mean, fields_beside

#: Control characters and lone surrogates, which neither a terminal nor a database takes.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def printable(text: str) -> str:
    """The text; ValueError where neither a terminal nor a database would take it."""
    if UNPRINTABLE.search(text):
        raise ValueError("contains a character that cannot be printed")
    return text


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError(f"{quoted(value)} is not a text")  # noqa: TRY004 - a bad value of a document, not a bug
    return parse_moment(printable(value))


Text = Annotated[StrictStr, AfterValidator(printable)]
Flag = StrictBool
Moment = Annotated[
    datetime,
    BeforeValidator(_moment, json_schema_input_type=str),
    Field(description="a date (its first instant in UTC), or RFC 3339 with an offset"),
]


def place(line: int, name: str | None = None, noun: str = "field") -> str:
    """Where something is wrong, as errors name it: `line 3`, or `line 3, field status`."""
    return f"line {line}" if name is None else f"line {line}, {noun} {name}"


def line_object(text: bytes, number: int, kinds: Collection[str]) -> dict[str, Any]:
    """The JSON object of a line, whose `kind` is one of those. Raises ContractError."""
    try:
        document = decode_json(text)
    except ContractError as error:
        raise ContractError([_of_line(each, number) for each in error.errors]) from None
    if not isinstance(document, dict):
        raise ContractError([FieldError(place(number), "is not a JSON object")])
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        wrong = "is missing" if kind is None else f"{quoted(kind)} is no kind of line"
        raise ContractError([FieldError(place(number, "kind"), f"{wrong}; it is one of: {', '.join(kinds)}")])
    return document


def _of_line(error: FieldError, number: int) -> FieldError:
    return FieldError(place(number, None if error.field == WHOLE_DOCUMENT else error.field), error.reason)


def field_errors(
    error: ValidationError, line: int, model: type[BaseModel], noun: str = "field"
) -> Iterator[FieldError]:
    """What pydantic found when it read a line as `model`: an error for each field, with its place and a sentence."""
    for found in document_errors(error, model):
        yield FieldError(place(line, found.field, noun), found.reason)


def document_errors(error: ValidationError, model: type[BaseModel]) -> Iterator[FieldError]:
    """The same of a document that is no line of a file: the field alone."""
    for detail in error.errors(include_url=False):
        yield FieldError(_path(detail["loc"]), _words(detail, model))


def _path(parts: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


_WORDS = {
    "string_type": "{input} is not a text",
    "string_unicode": "{input} contains a character that cannot be printed",
    "string_too_short": "has fewer characters than {min_length}",
    "string_too_long": "has more characters than {max_length}",
    "int_type": "{input} is not a whole number",
    "float_type": "{input} is not a number",
    "finite_number": "{input} is not a number",
    "bool_type": "{input} is neither true nor false",
    "tuple_type": "{input} is not a list",
    "frozen_set_type": "{input} is not a list",
    "too_short": "has fewer entries than {min_length}",
    "too_long": "has more entries than {max_length}",
    "model_type": "{input} is not an object",
    "model_attributes_type": "{input} is not an object",
    "greater_than": "{input} is not greater than {gt}",
    "greater_than_equal": "{input} is not a whole number from {ge} on",
    "less_than_equal": "{input} is not a whole number up to {le}",
}


def _words(detail: ErrorDetails, model: type[BaseModel]) -> str:
    context, given = detail.get("ctx", {}), quoted(detail["input"])
    if detail["type"] == "missing":
        return _missing(fields_beside(model, detail["loc"]).get(str(detail["loc"][-1])))
    if detail["type"] == "extra_forbidden":
        known = fields_beside(model, detail["loc"])
        return f"is no field of this kind of line{did_you_mean(str(detail['loc'][-1]), known)}"
    if detail["type"] in {"enum", "literal_error"}:
        values = re.findall(r"'([^']*)'", context["expected"])
        return f"{given} is not one of: {', '.join(value or '(empty)' for value in values)}"
    if detail["type"] in _WORDS:
        return _WORDS[detail["type"]].format(input=given, **context)
    return detail["msg"].removeprefix("Value error, ")


def _missing(field: FieldInfo | None) -> str:
    return "is missing" if field is None or not field.description else f"is missing ({field.description})"
