"""A request for a default sender that cannot be read whole: what can be read of it is judged all the same.

So one answer names every field that is to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar
from uuid import UUID

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from api.admission import AdmittedRoute
from api.errors import validation_details
from api.services import Services
from api.v3.documents import DefaultSenderUpdate, StrategyIn
from core.accounts.accounts import Account
from core.defaults.default_senders import Draft
from core.defaults.strategies import MAX_STRATEGIES, STRATEGIES_FIELD, Strategy
from core.errors import FieldError, ForbiddenError, NotFoundError, RefusedError

_T = TypeVar("_T")


class AllProblemsRoute(AdmittedRoute):
    """Adds to the fields that pydantic refuses those that the core would refuse once they are mended."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with a second look at what it could not read."""
        answer = super().get_route_handler()

        async def completed(request: Request) -> Response:
            try:
                return await answer(request)
            except RequestValidationError as error:
                if not isinstance(error.body, dict):
                    raise
                more = await run_in_threadpool(_problems, request, error.body)
                details = [*validation_details(error, request), *more]
                raise RefusedError("the request is refused", sorted(details, key=lambda each: each.field)) from None

        return completed


def as_holder(viewer: Account, parts: Services, default_id: UUID, act: Callable[[str], _T]) -> _T:
    """Act on a default of the account's own, or else, which takes a look more, of one of its sub-accounts."""
    try:
        return act(viewer.account_id)
    except NotFoundError:
        return act(parts.default_views.get_own(viewer, default_id).account_id)


def _problems(request: Request, body: Mapping[str, Any]) -> list[FieldError]:
    parts: Services = request.app.state.services
    viewer: Account = request.state.account
    draft, default_id = _draft(body), request.path_params.get("default_sender_id")
    if default_id is None:
        return parts.defaults.problems(viewer, draft)
    try:
        known_id = UUID(default_id)
        return as_holder(viewer, parts, known_id, lambda holder: parts.defaults.problems(holder, draft, known_id))
    except (ValueError, NotFoundError, ForbiddenError):
        return []  # there is nothing that it could be held against


def _draft(body: Mapping[str, Any]) -> Draft:
    """What can be read of a body; each field as if it stood alone."""
    given = body.get(STRATEGIES_FIELD)
    listed = given if isinstance(given, list) and len(given) <= MAX_STRATEGIES else []
    read = {place: _strategy(value) for place, value in enumerate(listed)}
    strategies = {place: strategy for place, strategy in read.items() if strategy is not None}
    frame = {name: _field(name, body.get(name)) for name in ("country_code", "product_type")}
    return Draft(frame["country_code"], frame["product_type"], strategies)


def _strategy(value: object) -> Strategy | None:
    try:
        return StrategyIn.model_validate(value).strategy
    except ValidationError:
        return None


def _field(name: str, value: object) -> Any:
    """A field of the frame, None where it cannot be read."""
    stand_in = {"sender_type": "shared_longcode"}
    try:
        return getattr(DefaultSenderUpdate.model_validate({STRATEGIES_FIELD: [stand_in], name: value}), name)
    except ValidationError:
        return None
