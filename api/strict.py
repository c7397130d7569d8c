"""What a request may say: a parameter or field that nobody knows is refused by name, never passed over.

A misspelled `dry_run` that is ignored writes; a misspelled filter that is ignored means everything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from core.errors import FieldError, RefusedError


class StrictModel(BaseModel):
    """A document that a request carries: a field that it does not know is refused."""

    model_config = ConfigDict(extra="forbid")


def unknown_words(kind: str, name: str, known: Collection[str]) -> str:
    """Why a name is refused, with the nearest that is known: `is no parameter here; did you mean dry_run?`."""
    alike = get_close_matches(name.casefold(), known, 1)
    return f"is no {kind} here" + (f"; did you mean {alike[0]}?" if alike else "")


def known_parameters(route: Dependant) -> Iterator[str]:
    """The query parameters that a route and what it depends on declare."""
    yield from (each.alias for each in route.query_params)
    for below in route.dependencies:
        yield from known_parameters(below)


def refuse_unknown_parameters(request: Request, known: Collection[str], family: re.Pattern[str] | None) -> None:
    """Raise RefusedError with every query parameter that is neither known nor one of a numbered family."""
    given = (name for name in dict.fromkeys(request.query_params) if name not in known)
    strange = [name for name in given if family is None or not family.match(name)]
    if strange:
        errors = [FieldError(name, unknown_words("parameter", name, known)) for name in strange]
        raise RefusedError("the request is refused", errors)


def known_fields(request: Request, path: Sequence[int | str]) -> list[str]:
    """The fields of the document, or of the part of it, in which a field at `path` was not known."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or route.body_field is None:
        return []
    models = list(_models(route.body_field.field_info.annotation))
    for part in path[:-1]:
        if isinstance(part, str):
            models = [
                inner
                for model in models
                if part in model.model_fields
                for inner in _models(model.model_fields[part].annotation)
            ]
    return [name for model in models for name in model.model_fields]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a type names: itself, or those in a list or a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models(each)
