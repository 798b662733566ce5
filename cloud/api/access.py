"""Who asks, and whether they may: the dependency that every route but the open ones names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response

from cloud.api.context import In
from cloud.identity.errors import Forbidden, NotSignedIn
from cloud.identity.people import People, Principal
from cloud.identity.permit import Action, can, role_for
from cloud.identity.sessions import COOKIE, LONGEST_MS, Session

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Permit:
    """Lets those through whose role may do `action`; gives the route who they are."""

    action: Action

    async def __call__(self, request: Request, response: Response, context: In) -> Principal:
        """The caller. Raises NotSignedIn or Forbidden."""
        principal = await principal_of(request, context.people)
        if not can(principal.role, self.action):
            raise Forbidden(
                f"the role {principal.role.value} may not {self.action.value}: "
                f"ask an administrator for the role {role_for(self.action).value}"
            )
        if principal.session is not None and context.people.sessions.needs_renewal(principal.session):
            set_session(request, response, context.people, principal.session)
        return principal


async def principal_of(request: Request, people: People) -> Principal:
    """Who asks. A token counts before a cookie; a write by cookie must come from our own pages.

    Raises:
        NotSignedIn: nobody that we know.
        Forbidden: another site's page sent the write.
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer":
            raise NotSignedIn(f"the authorization scheme {scheme[:20]!r} is not known; use Bearer")
        return await people.of_token(secret.strip())
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        raise NotSignedIn("nobody is signed in")
    if request.method not in _READING:
        check_origin(request)
    return await people.of_cookie(cookie)


def check_origin(request: Request) -> None:
    """Refuse a write that a browser sends for another site's page.

    Browsers tell by Sec-Fetch-Site, older ones by Origin; what sends neither is no browser, and cannot be
    made to use somebody's cookie.

    Raises:
        Forbidden: the page is of another origin.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    elif origin is not None:
        ours = urlsplit(origin).netloc == request.headers.get("host")
    else:
        ours = True
    if not ours:
        raise Forbidden("the request comes from a page of another site: use the console, or a token")


def set_session(request: Request, response: Response, people: People, session: Session) -> None:
    """Give the browser the session's cookie; over TLS for TLS alone."""
    response.set_cookie(
        COOKIE,
        people.sessions.cookie(session),
        max_age=LONGEST_MS // 1000,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def address_of(request: Request) -> str:
    """The caller's address, as far as the proxies before us are trusted."""
    return request.client.host if request.client is not None else "unknown"


Reader = Annotated[Principal, Depends(Permit(Action.READ))]
AlarmWorker = Annotated[Principal, Depends(Permit(Action.WORK_ALARMS))]
Commander = Annotated[Principal, Depends(Permit(Action.COMMAND))]
Admitter = Annotated[Principal, Depends(Permit(Action.ADMIT_DEVICES))]
PeopleManager = Annotated[Principal, Depends(Permit(Action.MANAGE_PEOPLE))]
