"""The one page that the API itself serves: `/sign-in`, where a link from the terminal opens the console."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cloud.api.access import address_of, set_session
from cloud.api.context import context_of
from cloud.identity.errors import NotSignedIn, TooManyTries

router = APIRouter(include_in_schema=False)

_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_REFUSED = """<!doctype html><html lang="vi"><meta charset="utf-8"><title>kega</title>
<meta name="viewport" content="width=device-width">
<h1>{vi}</h1><p lang="en">{en}</p><p><a href="/">Đăng nhập · Sign in</a></p></html>"""


@router.get("/sign-in")
async def sign_in(request: Request, token: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Exchange a browser token for a session, and go to the console."""
    people = context_of(request).people
    try:
        principal = await people.exchange(token, address_of(request))
    except NotSignedIn:
        return _refused(
            401, "Liên kết đăng nhập không còn hiệu lực.", "This sign-in link is not valid any more."
        )
    except TooManyTries:
        return _refused(
            429, "Thử sai quá nhiều lần, hãy chờ ít phút.", "Too many wrong tries: wait some minutes."
        )
    response = RedirectResponse("/", 303, headers=_HEADERS)
    if principal.session is not None:
        set_session(request, response, people, principal.session)
    return response


def _refused(status: int, vi: str, en: str) -> Response:
    return HTMLResponse(_REFUSED.format(vi=vi, en=en), status, headers=_HEADERS)
