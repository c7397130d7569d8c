"""The OpenAPI document at `/openapi.json` and `/docs`, as this API really answers."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import compile_path

from core.encoding import encode_json

_DESCRIPTION = """\
Gives every outgoing SMS the most compliant Sender ID that its account owns.

`/v3` is ClickSend's Smart Assign API; `/v1` is what we have beyond it. Every request carries HTTP Basic: the account's
id and one of its API keys. An account sees itself and its sub-accounts; a sub-account sees itself and, read only, what
it inherits. Every answer comes in the same envelope; an error names the fields that are to blame.
"""

#: The groups of operations; a test compares them with those that routes name.
_TAGS = {
    "Messages": "Send messages.",
    "SMS": "Send messages, as ClickSend's API has it.",
    "Default senders": "The sender that an account wants for a country, and how it fares.",
    "Destinations": "To which countries an account sends.",
    "Compliant sender types": "Which sender types each country takes.",
    "Senders": "The senders that an account holds.",
    "Country rules": "What each country asks of a sender, since when, and who says so.",
    "Decisions": "Which sender a message has, or would have, and why.",
    "Campaigns": "What a campaign would come to, and how far one is.",
    "Parked messages": "What could not be dispatched.",
    "Erasures": "Remove what is kept of a recipient.",
    "Accounts": "The account that asks, and its sub-accounts.",
    "Operation": "For whoever runs the API.",
}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document without its 422, which this API never answers."""
    document = get_openapi(
        title=app.title,
        version=version("smart-assign"),
        description=_DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": words} for name, words in _TAGS.items()],
        servers=[{"url": app.root_path or "/"}],
        contact={"name": "Whoever runs this Smart Assign"},
    )
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    _drop_unused(document)
    return document


def _drop_unused(document: dict[str, Any]) -> None:
    """Take out the schemas that nothing refers to, those of FastAPI's 422 among them."""
    schemas = document["components"]["schemas"]
    while True:
        text = encode_json(document).decode()
        unused = [name for name in schemas if f'"#/components/schemas/{name}"' not in text]
        if not unused:
            return
        for name in unused:
            del schemas[name]


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
