"""What a caller is told when something goes wrong: always `{error: {code, message, next_step}}`."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import Response

from cloud.control.submit import InvalidValue
from cloud.errors import NotFound, Refused, RegistryUnavailable
from cloud.identity.errors import Forbidden, NotSignedIn, TooManyTries
from cloud.store.port import StoreUnavailable

logger = logging.getLogger(__name__)


class ErrorBody(BaseModel):
    """What went wrong."""

    code: str
    """Stable word for programs, such as `not_found`."""
    message: str
    next_step: str


class ErrorAnswer(BaseModel):
    """Every answer that is no success."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "error": {
                    "code": "not_found",
                    "message": "no device sl-000009",
                    "next_step": "list the devices: GET /api/v1/devices",
                }
            }
        }
    )

    error: ErrorBody


class ApiError(Exception):
    """An answer that is no success, made by a route itself."""

    def __init__(self, status: int, code: str, message: str, next_step: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.next_step = next_step
        super().__init__(message)


class Invalid(ApiError):  # noqa: N818, reads as a state
    """A parameter that cannot be used."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(422, "invalid", message, next_step)


class Busy(Exception):  # noqa: N818, reads as a state
    """More requests wait for the databases than can be served soon."""


_PLAIN: Final[dict[int, tuple[str, str]]] = {
    400: ("bad_request", "check the request against /api/v1/openapi.json"),
    401: ("not_signed_in", "send Authorization: Bearer <token>, or sign in"),
    404: ("not_found", "see /api/v1/openapi.json for the routes that exist"),
    405: ("method_not_allowed", "see /api/v1/openapi.json for the methods of this route"),
    413: ("too_large", "send less at once"),
}

DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorAnswer, "description": HTTPStatus(status).phrase}
    for status in (400, 401, 403, 404, 409, 422, 503)
}
"""The error answers that every route may give, for the OpenAPI document."""


def answer(
    status: int, code: str, message: str, next_step: str, headers: dict[str, str] | None = None
) -> Response:
    """The error as a response."""
    body = {"error": {"code": code, "message": message, "next_step": next_step}}
    return Response(orjson.dumps(body), status, headers, "application/json")


def add_error_handlers(app: FastAPI) -> None:
    """Turn every exception into an answer; what nobody expected is logged and tells nothing of the inside."""
    app.add_exception_handler(ApiError, _own)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)
    for kind in (NotFound, Refused, Forbidden, NotSignedIn, TooManyTries):
        app.add_exception_handler(kind, _of_domain)
    for passing in (RegistryUnavailable, StoreUnavailable, Busy):
        app.add_exception_handler(passing, _unavailable)


def _own(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return answer(error.status, error.code, error.message, error.next_step)


def _plain(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, next_step = _PLAIN.get(error.status_code, ("refused", _PLAIN[400][1]))
    headers = dict(error.headers) if error.headers else None
    return answer(error.status_code, code, str(error.detail), next_step, headers)


def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    if any(each["type"] == "json_invalid" for each in problems):
        return answer(400, "no_json", "the body is no JSON", "send a JSON object as the body")
    told = "; ".join(_told(each) for each in problems[:5])
    return answer(422, "invalid", told, "correct the parameters named; see /api/v1/openapi.json")


def _told(problem: dict[str, Any]) -> str:
    """The problem without the input itself, which may be a password."""
    place = ".".join(str(part) for part in problem["loc"][1:]) or str(problem["loc"][0])
    return f"{place}: {problem['msg'].removeprefix('Value error, ')}"


def _of_domain(_request: Request, error: Exception) -> Response:
    message, _, step = str(error).partition(": ")
    match error:
        case NotFound():
            return answer(404, "not_found", message, step or "list what exists first")
        case InvalidValue():
            return answer(
                422, "invalid", str(error), "see the point's type and range: GET /api/v1/devices/{id}"
            )
        case NotSignedIn():
            headers = {"WWW-Authenticate": "Bearer"}
            return answer(401, "not_signed_in", str(error), _PLAIN[401][1], headers)
        case Forbidden():
            return answer(403, "forbidden", message, step or "ask an administrator for the role")
        case TooManyTries():
            wait = math.ceil(error.wait_s)
            headers = {"Retry-After": str(wait)}
            return answer(429, "too_many_tries", message, f"try again in {wait} s", headers)
        case _:
            return answer(409, "refused", message, step or "look at the present state and decide anew")


def _unavailable(request: Request, error: Exception) -> Response:
    logger.warning("request-not-served", extra={"path": request.url.path, "cause": str(error)})
    message = "too many requests at once"
    if isinstance(error, RegistryUnavailable):
        message = "the registry does not answer now"
    elif isinstance(error, StoreUnavailable):
        message = "the time-series store does not answer now"
    return answer(503, "unavailable", message, "try again in a few seconds", {"Retry-After": "5"})


def _unexpected(request: Request, error: Exception) -> Response:
    # The server logs the traceback, to which starlette hands the exception on.
    logger.error("request-failed", extra={"path": request.url.path, "cause": type(error).__name__})
    return answer(500, "internal", "the server failed at this request", "tell the administrator the time")
