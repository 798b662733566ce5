"""The application: `/api/v1`, `/sign-in`, and room for the console at `/`."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.responses import JSONResponse, Response

from cloud.api.access import Reader
from cloud.api.context import Context
from cloud.api.errors import DOCUMENTED, add_error_handlers
from cloud.api.guard import Guard
from cloud.api.pages import router as pages
from cloud.api.routes import (
    alarms,
    classes,
    commands,
    devices,
    gateways,
    health,
    metrics,
    people,
    readings,
    session,
    stream,
)

PREFIX: Final = "/api/v1"
OPEN: Final = frozenset({("GET", "/health"), ("POST", "/session")})
"""Routes of the API that need no credential."""
_ROUTERS: Final[tuple[APIRouter, ...]] = tuple(
    each.router
    for each in (
        health,
        session,
        classes,
        gateways,
        devices,
        readings,
        alarms,
        commands,
        stream,
        people,
        metrics,
    )
)
_ABOUT: Final = """Devices, readings, alarms and commands of the province.

Send `Authorization: Bearer <token>` (made with `kega cloud token new`), or the cookie of a log-in.
All times are UTC milliseconds. Quality is 192 good, 0 bad, 500 stale.
Every error answers `{"error": {"code", "message", "next_step"}}`."""


def make_app(context: Context) -> FastAPI:
    """The whole application over `context`; a console may be mounted at `/` afterwards."""
    api = make_api(context)
    app = FastAPI(title="kega", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.context = context
    app.mount(PREFIX, Guard(api), name="api")
    app.include_router(pages)
    return app


def make_api(context: Context) -> FastAPI:
    """The application below `/api/v1`."""
    api = FastAPI(
        title="kega",
        version=context.version,
        description=_ABOUT,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        servers=[{"url": PREFIX}],
        redirect_slashes=False,
        responses=DOCUMENTED,
    )
    api.state.context = context
    add_error_handlers(api)
    for router in _ROUTERS:
        api.include_router(router)
    _add_document(api)
    return api


def _add_document(api: FastAPI) -> None:
    @api.get("/openapi.json", include_in_schema=False)
    async def document(_who: Reader) -> Response:
        """The description of the API for programs."""
        return JSONResponse(describe(api))


def describe(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the two ways to sign in."""
    told = api.openapi()
    told.setdefault("components", {})["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "kega_session"},
    }
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            is_open = (method.upper(), path) in OPEN
            operation["security"] = [] if is_open else [{"token": []}, {"session": []}]
    return told
