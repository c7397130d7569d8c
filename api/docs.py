"""`/docs`: the OpenAPI document in Swagger UI, whose files come from this process: no other server is asked for any."""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

PATH = "/docs"
ASSETS = "/docs/assets"

#: The package is taken for the files of Swagger UI that it carries; its code is not run.
_PACKAGE = "fastapi_offline"


def add_docs(app: FastAPI) -> None:
    """Serve the page and the files that it needs."""
    app.mount(ASSETS, StaticFiles(directory=str(files(_PACKAGE) / "static")))
    app.add_api_route(PATH, _page, include_in_schema=False)
    app.add_api_route("/", _way_in, include_in_schema=False)


def _page(request: Request) -> Response:
    root = request.scope.get("root_path", "")
    return get_swagger_ui_html(
        openapi_url=f"{root}{request.app.openapi_url}",
        title=request.app.title,
        swagger_js_url=f"{root}{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{root}{ASSETS}/favicon.png",
    )


def _way_in(request: Request) -> Response:
    """Whoever opens the address itself is led to the documentation."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}{PATH}")
