"""Log-in and log-out: plain pages without scripts, so that nobody holds server memory before logging in."""

from __future__ import annotations

import html
from string import Template
from typing import Final

import httpx
from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cloud.console.client import connect
from cloud.console.office import Office, peer_of
from cloud.console.paths import FOLDER, SIGN_IN_URL, SIGN_OUT_URL, STATIC_URL
from cloud.console.texts import TEXTS, Words

_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'",
    "referrer-policy": "same-origin",
}
_ORIGIN: Final = ("host", "origin", "sec-fetch-site")
_FAILURES: Final = {
    401: "sign_in_failed",
    403: "sign_in_failed",
    422: "sign_in_failed",
    429: "sign_in_too_many",
}


def sign_in_routes(office: Office) -> APIRouter:
    """`/login` and `/logout`."""
    router = APIRouter(include_in_schema=False)
    page = Template((FOLDER / "static" / "sign_in.html").read_text(encoding="utf-8"))

    def show(failure: str = "", name: str = "", status: int = 200) -> HTMLResponse:
        both = {key: f"{TEXTS[key].vi} · {TEXTS[key].en}" for key in ("user_name", "password", "sign_in")}
        shown = {
            **both,
            "title": Words("vi")("sign_in_title"),
            "region": Words("vi")("region"),
            "failure": " ".join((TEXTS[failure].vi, TEXTS[failure].en)) if failure else "",
            "name": name,
            "static": STATIC_URL,
            "action": SIGN_IN_URL,
        }
        escaped = {key: html.escape(text) for key, text in shown.items()}
        return HTMLResponse(page.substitute(escaped), status, headers=_HEADERS)

    @router.get(SIGN_IN_URL)
    async def form() -> Response:
        return show()

    @router.post(SIGN_IN_URL)
    async def enter(request: Request) -> Response:
        async with request.form(max_files=0, max_fields=4) as fields:
            name, password = _field(fields, "name"), _field(fields, "password")
        async with _connect(office, request) as api:
            try:
                answer = await api.post("session", json={"name": name, "password": password})
            except httpx.HTTPError:
                return show("sign_in_unavailable", name, 503)
        if answer.status_code >= 400:
            failure = _FAILURES.get(answer.status_code, "sign_in_unavailable")
            return show(failure, name, answer.status_code)
        return _moved("/", answer)

    @router.post(SIGN_OUT_URL)
    async def leave(request: Request) -> Response:
        async with _connect(office, request) as api:
            api.cookies.update(request.cookies)
            try:
                answer = await api.delete("session")
            except httpx.HTTPError:
                return show("sign_in_unavailable", status=503)
        if answer.status_code >= 400 and answer.status_code != 401:
            return show("sign_in_unavailable", status=answer.status_code)
        return _moved(SIGN_IN_URL, answer)

    return router


def _connect(office: Office, request: Request) -> httpx.AsyncClient:
    """The API as the browser would call it itself: it must see whose page sends the form."""
    told = {name: text for name in _ORIGIN if (text := request.headers.get(name)) is not None}
    return connect(office.app, peer_of(request), request.url.scheme, told)


def _field(fields: FormData, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _moved(target: str, answer: httpx.Response) -> Response:
    response = RedirectResponse(target, 303, headers={"cache-control": "no-store"})
    pass_cookies(answer, response)
    return response


def pass_cookies(answer: httpx.Response, response: Response) -> None:
    """Hand the API's cookies on to the browser."""
    for cookie in answer.headers.get_list("set-cookie"):
        response.raw_headers.append((b"set-cookie", cookie.encode("latin-1")))
