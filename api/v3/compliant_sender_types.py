"""`/v3/senders/compliant-sender-types`: which sender types recipient countries accept."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.admission import BASIC, AdmittedRoute, Parts, Viewer
from api.envelope import Success, failures, success
from api.errors import also_wrong
from api.v3.documents import CompliantTypesData
from core.countries import country_errors, normal_country
from core.errors import FieldError, RefusedError
from core.sender import Product

MAX_COUNTRIES = 98

#: ClickSend's generated client repeats the literal `filter[country_code][{index}]`; others count, or write `[]`.
_COUNTRY_PARAMETER = re.compile(r"filter\[country_code\](\[[^]]*\])?\Z")
_FIELD = "filter[country_code]"


class _CountriesRoute(AdmittedRoute):
    """A route whose countries are numbered parameters."""

    parameter_family = _COUNTRY_PARAMETER


router = APIRouter(
    prefix="/v3/senders", tags=["Compliant sender types"], route_class=_CountriesRoute, dependencies=[BASIC]
)


def _countries(request: Request, parts: Parts) -> list[str] | None:
    """Each country that is named once, in the order given; None: all. What is wrong waits for the other parameters."""
    given = [value for name, value in request.query_params.multi_items() if _COUNTRY_PARAMETER.match(name)]
    codes = [normal_country(each) for each in given]
    too_many = [FieldError(_FIELD, f"must name at most {MAX_COUNTRIES} countries")]
    many = len(codes) > MAX_COUNTRIES
    also_wrong(request).extend(too_many if many else country_errors(codes, parts.compliant_list, _FIELD))
    return list(dict.fromkeys(codes)) or None


@router.get("/compliant-sender-types", response_model=Success[CompliantTypesData], responses=failures())
def list_compliant_sender_types(
    request: Request,
    viewer: Viewer,  # noqa: ARG001 - the same for every account, but for nobody else
    parts: Parts,
    *,
    countries: Annotated[list[str] | None, Depends(_countries)],
    product: Annotated[Product, Query(alias="filter[product_type]")],
    country: Annotated[  # noqa: ARG001 - for OpenAPI; read below with those that follow it
        str | None,
        Query(alias="filter[country_code][0]", description="recipient country; go on with [1], up to 98; none: all"),
    ] = None,
) -> Response:
    """The sender types that recipient countries accept, registered or not, and those that they refuse or alter."""
    if errors := also_wrong(request):
        raise RefusedError("the filter is refused", errors)
    data = {"data": parts.compliant_list.documents(product, countries)}
    return success(data, "Compliant sender types retrieved.")
