"""The OpenAPI document at `/openapi.json` and `/docs`, as this API really answers."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import compile_path

_DESCRIPTION = """\
Gives every outgoing SMS the most compliant Sender ID that its account owns.

`/v3` is ClickSend's Smart Assign API; `/v1` is what we have beyond it. Every request carries HTTP Basic: the account's
id and one of its API keys. An account sees itself and its sub-accounts; a sub-account sees itself and, read only, what
it inherits. Every answer comes in the same envelope; an error names the fields that are to blame.
"""


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document without its 422, which this API never answers."""
    document = get_openapi(
        title=app.title, version=version("smart-assign"), description=_DESCRIPTION, routes=app.routes
    )
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    return document


def allowed_methods(app: FastAPI, path: str) -> str:
    """What the `Allow` header of a 405 says; Starlette names the methods of the first route alone."""
    paths = app.openapi()["paths"]
    fitting = [operations for template, operations in paths.items() if _fits(template, path)]
    if path in paths:
        fitting = [paths[path]]
    methods = {method.upper() for operations in fitting for method in operations} or {"GET"}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _fits(template: str, path: str) -> bool:
    """Whether it is a path of the template, whose last part may hold slashes."""
    last = f"{template[:-1]}:path}}" if template.endswith("}") else template
    return compile_path(last)[0].match(path) is not None
