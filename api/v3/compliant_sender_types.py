"""`/v3/senders/compliant-sender-types`: which sender types recipient countries accept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.admission import BASIC, AdmittedRoute, Parts, Viewer
from api.compliant_list import CompliantList
from api.envelope import Success, failures, success
from api.v3.documents import CompliantTypesData
from core.countries import country_errors, normal_country
from core.errors import FieldError, RefusedError
from core.sender import Product

MAX_COUNTRIES = 98

#: ClickSend's generated client repeats the literal `filter[country_code][{index}]`; others count, or write `[]`.
_COUNTRY_PARAMETER = re.compile(r"filter\[country_code\](\[[^]]*\])?\Z")
_FIELD = "filter[country_code]"

router = APIRouter(
    prefix="/v3/senders", tags=["Compliant sender types"], route_class=AdmittedRoute, dependencies=[BASIC]
)


@router.get("/compliant-sender-types", response_model=Success[CompliantTypesData], responses=failures(400))
def list_compliant_sender_types(
    request: Request,
    viewer: Viewer,  # noqa: ARG001 - the same for every account, but for nobody else
    parts: Parts,
    product: Annotated[Product, Query(alias="filter[product_type]")],
    country: Annotated[  # noqa: ARG001 - for OpenAPI; read below with those that follow it
        str | None,
        Query(alias="filter[country_code][0]", description="recipient country; go on with [1], up to 98; none: all"),
    ] = None,
) -> Response:
    """The sender types that recipient countries accept, registered or not, and those that they refuse or alter."""
    given = [value for name, value in request.query_params.multi_items() if _COUNTRY_PARAMETER.match(name)]
    countries = _checked(given, parts.compliant_list) if given else None
    data = {"data": parts.compliant_list.documents(product, countries)}
    return success(data, "Compliant sender types retrieved.")


def _checked(given: Iterable[str], known: CompliantList) -> list[str]:
    """Each country once, in the order given. Raises RefusedError."""
    codes = [normal_country(each) for each in given]
    if len(codes) > MAX_COUNTRIES:
        raise _refused([FieldError(_FIELD, f"must name at most {MAX_COUNTRIES} countries")])
    if errors := country_errors(codes, known, _FIELD):
        raise _refused(errors)
    return list(dict.fromkeys(codes))


def _refused(errors: list[FieldError]) -> RefusedError:
    return RefusedError("the filter is refused", errors)
