"""`/v1/rules`: what countries accept, who says so, and as of when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from api.admission import BASIC, AdmittedRoute, Parts, Viewer
from api.envelope import Success, failures, success
from api.v1.documents import CountryRulesOut, RulesOut
from core.countries import normal_country
from core.engine.country_rules import CountryRule, grade_of
from core.errors import NotFoundError
from core.rules.documents import profile_as_dict, rule_as_dict

router = APIRouter(prefix="/v1/rules", tags=["Country rules"], route_class=AdmittedRoute, dependencies=[BASIC])


@router.get("", response_model=Success[RulesOut], responses=failures())
def list_rules(viewer: Viewer, parts: Parts) -> Response:  # noqa: ARG001 - the same for every account
    """The version in use and the countries of which it speaks."""
    book = parts.rules()
    return success({"rules_version": book.version, "countries": book.countries()}, "Country rules retrieved.")


@router.get("/{country}", response_model=Success[CountryRulesOut], responses=failures(404))
def show_rules(
    country: Annotated[str, Path(description="ISO 3166-1 alpha-2", examples=["AU"])],
    viewer: Viewer,  # noqa: ARG001 - the same for every account
    parts: Parts,
) -> Response:
    """All rules of a country, past and to come, local corrections first, each with source, date and grade."""
    book, now, code = parts.rules(), parts.store.clock(), normal_country(country)
    if not book.knows(code):
        raise NotFoundError(f"the rules {book.version} do not speak of {country!r}")
    data = {
        "country": code,
        "rules_version": book.version,
        "rules": [_document(rule, now) for rule in book.rules_of(code)],
        "profile": profile_as_dict(book.profile(code, now)),
    }
    return success(data, "Country rules retrieved.")


def _document(rule: CountryRule, now: datetime) -> dict[str, Any]:
    return rule_as_dict(rule) | {
        "in_force": rule.in_force(now),
        "grade": grade_of(rule, registered=True).value,
        "grade_unregistered": grade_of(rule, registered=False).value,
    }
