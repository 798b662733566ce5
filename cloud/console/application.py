"""Puts the console's routes and pages into an application."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import orjson
from fastapi import FastAPI, Request
from nicegui import app as nicegui_app
from nicegui import ui
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from cloud.console.desk import Desk
from cloud.console.errors import ApiError, SignedOut
from cloud.console.headers import CarefulHeaders
from cloud.console.markers import marker_rows
from cloud.console.office import Office
from cloud.console.page import OperatorPage
from cloud.console.paths import FOLDER, GEO_URL, MARKERS_URL, SIGN_IN_URL, STATIC_URL
from cloud.console.preferences import Preferences
from cloud.console.sign_in import sign_in_routes
from cloud.console.texts import Words
from telemetry.clock import Clock

_LOAD_WAIT_S: Final = 10.0
_RECONNECT_S: Final = 30.0


def install(app: FastAPI, *, state_dir: Path, clock: Clock) -> None:
    """See `cloud.console.mount`."""
    office = Office(app, Preferences(state_dir), clock)
    app.add_middleware(CarefulHeaders)
    app.mount(STATIC_URL, StaticFiles(directory=FOLDER / "static"))
    app.mount(GEO_URL, StaticFiles(directory=FOLDER / "geo"))
    app.include_router(sign_in_routes(office))
    _add_markers(app, office)
    _add_page(office)
    nicegui_app.add_exception_handler(404, _not_found)
    ui.run_with(
        app,
        mount_path="/",
        title="kega",
        favicon=FOLDER / "static" / "favicon.svg",
        language="vi",
        reconnect_timeout=_RECONNECT_S,
        message_history_length=200,
        binding_refresh_interval=None,
        tailwind=False,
        show_welcome_message=False,
    )


def _add_markers(app: FastAPI, office: Office) -> None:
    @app.get(MARKERS_URL, include_in_schema=False)
    async def markers(request: Request) -> Response:
        """All markers of the map, for the page that shows it."""
        try:
            async with office.api(request) as api:
                me = await api.me()
        except SignedOut:
            return Response(status_code=401)
        except ApiError:
            return Response(status_code=503)
        feed = office.feed(me.role)
        await feed.loaded(_LOAD_WAIT_S)
        body = orjson.dumps({"markers": marker_rows(feed.board)})
        response = Response(body, media_type="application/json", headers={"cache-control": "no-store"})
        if api.renewal is not None:
            response.headers.append("set-cookie", api.renewal)
        return response


def _to_sign_in() -> Response:
    # Whoever is not logged in leaves nothing in this process's memory.
    ui.context.client.delete()
    return RedirectResponse(SIGN_IN_URL, 303)


async def _not_found(_request: Request, _error: Exception) -> Response:
    """In place of NiceGUI's page, which would keep memory for everybody who asks for anything."""
    return PlainTextResponse("404 · Không có trang này. There is no such page.\n", 404)


def _add_page(office: Office) -> None:
    @ui.page("/", response_timeout=20)
    async def console(request: Request, device: str = "") -> Response | None:
        """The operators' page; `device` is opened at once."""
        try:
            api = office.api(request)
        except SignedOut:
            return _to_sign_in()
        try:
            me = await api.me()
        except SignedOut:
            await api.aclose()
            return _to_sign_in()
        except ApiError as error:
            await api.aclose()
            ui.label(str(error))
            return None
        words = Words(office.preferences.language(me.name))
        desk = Desk(api, me, words, office.feed(me.role), office.clock, ui.context.client)
        await OperatorPage(desk, office.preferences).build(device)
        return None
