"""Who asks: HTTP Basic with an account's id and one of its API keys, and how often it may ask."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, ClassVar

from fastapi import Depends, HTTPException, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security.http import HTTPBase
from starlette.concurrency import run_in_threadpool

from api.services import Services
from api.strict import known_parameters, refuse_unknown_parameters
from core.accounts.accounts import Account
from core.accounts.logins import Visitor
from core.errors import ForbiddenError, NotFoundError

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Smart Assign", charset="UTF-8"'}


class AdmittedRoute(APIRoute):
    """A route that admits an account before it reads the body, so that nobody learns anything without a key.

    Query parameters that it does not declare are refused by name.
    """

    #: Further parameters that a route reads by itself, because they are numbered.
    parameter_family: ClassVar[re.Pattern[str] | None] = None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with the admission before it."""
        answer = super().get_route_handler()
        known = frozenset(known_parameters(self.dependant))

        async def admitted(request: Request) -> Response:
            request.state.account = _admit(request, await _visitor(request))
            refuse_unknown_parameters(request, known, self.parameter_family)
            return await answer(request)

        return admitted


async def _visitor(request: Request) -> Visitor | None:
    """Who has shown a key; a thread is needed only where SQL must be asked. Raises HTTPException 429."""
    services = _services(request)
    readings = _credentials(request.headers.get("authorization", ""))
    known = _first(services.visitors.recall, readings)
    if known or not readings:
        return known
    address = request.client.host if request.client else ""
    return await run_in_threadpool(_ask, services, readings, address)


def _ask(services: Services, readings: Sequence[tuple[str, str]], address: str) -> Visitor | None:
    """Who it is, as SQL knows it. A key that was good before is always looked at: strangers cannot lock its owner out."""
    visitors, failures = services.visitors, services.failed_logins
    user_name = readings[0][0]
    wait = failures.wait(user_name, address)
    if wait and not any(visitors.has_met(*reading) for reading in readings):
        raise HTTPException(429, "too many wrong API keys", {"Retry-After": str(wait)})
    visitor = _first(visitors.ask, readings)
    if visitor is None:
        failures.note(user_name, address)
    return visitor


def _first(find: Callable[[str, str], Visitor | None], readings: Sequence[tuple[str, str]]) -> Visitor | None:
    return next(filter(None, (find(*reading) for reading in readings)), None)


def _admit(request: Request, visitor: Visitor | None) -> Account:
    """The account that asks. Raises HTTPException 401 and 429, and ForbiddenError for a suspended one."""
    if visitor is None:
        raise HTTPException(401, "user name or API key is wrong, or missing", _CHALLENGE)
    account = visitor.account
    if visitor.suspended:
        raise ForbiddenError(f"account {account.account_id!r} is suspended")
    wait = _services(request).limiter.wait(account.account_id)
    if wait:
        raise HTTPException(429, "too many requests", {"Retry-After": str(wait)})
    return account


def _credentials(header: str) -> list[tuple[str, str]]:
    """User name and key; two readings where there are several colons, for an account's id may hold some."""
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return []
    if scheme.lower() != "basic" or ":" not in text:
        return []
    readings = text.partition(":"), text.rpartition(":")
    return list(dict.fromkeys((user_name, key) for user_name, _, key in readings))


def _viewer(request: Request) -> Account:
    account: Account = request.state.account
    return account


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


#: Tells OpenAPI alone; the admission is the route's. (FastAPI's own HTTPBasic refuses names beyond ASCII.)
BASIC = Security(
    HTTPBase(
        scheme="basic",
        scheme_name="HTTPBasic",
        auto_error=False,
        description="User name: the account's id. Password: one of its API keys.",
    )
)

Viewer = Annotated[Account, Depends(_viewer)]
Parts = Annotated[Services, Depends(_services)]


def family_member(services: Services, viewer: Account, account_id: str | None) -> Account:
    """The account itself or one of its sub-accounts. Raises NotFoundError, in the same words for all others."""
    if account_id is None or account_id == viewer.account_id:
        return viewer
    words = f"there is no account {account_id!r} below account {viewer.account_id!r}"
    try:
        member = services.accounts.get(account_id)
    except NotFoundError:
        raise NotFoundError(words) from None
    if member.parent_user_id != viewer.user_id:
        raise NotFoundError(words)
    return member
