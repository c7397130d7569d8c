"""A name that nobody knows, in a file or a request: the nearest that is known, and the fields that there would be."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

#: How alike names are at least, from 0 to 1.
ALIKE = 0.6


def did_you_mean(name: str, known: Collection[str], least: float = ALIKE) -> str:
    """The end of a refusal, `; did you mean dry_run?`; empty where no known name is like it."""
    alike = get_close_matches(name, known, 1, least)
    return f"; did you mean {alike[0]}?" if alike else ""


def fields_beside(kind: Any, path: Sequence[int | str]) -> dict[str, FieldInfo]:
    """The fields of the object in which the last part of a path stands; of several kinds of object all of them.

    `kind` is the type that the document is read as: a model, or a list or union of models.
    """
    models = list(_models(kind))
    for part in path[:-1]:
        if isinstance(part, str):
            fields = [each.model_fields[part] for each in models if part in each.model_fields]
            models = [inner for field in fields for inner in _models(field.annotation)]
    return {name: field for each in models for name, field in each.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a type names: itself, or those in a list or a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models(each)
