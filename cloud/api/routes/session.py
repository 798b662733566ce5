"""Log-in, log-out, and who one is."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from cloud.api.access import Reader, address_of, check_origin, set_session
from cloud.api.context import In
from cloud.api.models.people import LogIn, Me
from cloud.identity.sessions import COOKIE

router = APIRouter(tags=["session"])


@router.post("/session")
async def log_in(given: LogIn, request: Request, response: Response, context: In) -> Me:
    """Log in: the answer sets the cookie `kega_session`. Wrong tries have to wait longer and longer (429)."""
    check_origin(request)
    principal = await context.people.log_in(given.name, given.password, address_of(request))
    if principal.session is not None:
        set_session(request, response, context.people, principal.session)
    return Me(name=principal.name, role=principal.role)


@router.delete("/session", status_code=204)
async def log_out(who: Reader, response: Response, context: In) -> None:
    """Log out: the session ends on the server too."""
    await context.people.log_out(who)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")


@router.get("/me")
async def me(who: Reader) -> Me:
    """Whose token or session this is."""
    return Me(name=who.name, role=who.role)
