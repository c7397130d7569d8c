"""What a request may say: a parameter or field that nobody knows is refused by name, never passed over.

A misspelled `dry_run` that is ignored writes; a misspelled filter that is ignored means everything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from core.errors import FieldError, RefusedError
from core.unknown_names import did_you_mean, fields_beside


class StrictModel(BaseModel):
    """A document that a request carries: a field that it does not know is refused."""

    model_config = ConfigDict(extra="forbid")


def unknown_words(kind: str, name: str, known: Collection[str]) -> str:
    """Why a name is refused, with the nearest that is known: `is no parameter here; did you mean dry_run?`."""
    return f"is no {kind} here{did_you_mean(name.casefold(), known)}"


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


def known_fields(request: Request, path: Sequence[int | str]) -> Collection[str]:
    """The fields of the document, or of the part of it, in which a field at `path` was not known."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or route.body_field is None:
        return ()
    return fields_beside(route.body_field.field_info.annotation, path)
