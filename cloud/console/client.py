"""Calls on the API, in the name of one session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import httpx
import orjson
from pydantic import TypeAdapter, ValidationError

from cloud.console.asgi import AsgiApp, InProcessTransport
from cloud.console.errors import ApiError, ApiUnreachable, SignedOut
from cloud.console.models import (
    Alarm,
    ClassInfo,
    Command,
    Device,
    Gateway,
    HistorySample,
    LatestReading,
    Me,
)
from telemetry.readings import Value

T = TypeVar("T")

SESSION_COOKIE: Final = "kega_session"
API_PATH: Final = "/api/v1/"
_PAGE: Final = 1000
_MAX_PAGES: Final = 200
_TIMEOUT_S: Final = 15.0
_SILENCE_S: Final = 45.0
"""The API sends a heart-beat every 15 s; three missed ones end the stream."""


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    kind: str
    data: dict[str, Any]


def connect(app: AsgiApp, peer: str, scheme: str, headers: Mapping[str, str]) -> httpx.AsyncClient:
    """A client of the API at `app` in this process, for a browser at the address `peer`; no session yet."""
    return httpx.AsyncClient(
        transport=InProcessTransport(app, (peer, 0)),
        base_url=f"{scheme}://console.internal{API_PATH}",
        headers=dict(headers),
        trust_env=False,
    )


class Api:
    """The API at `app`, used with the session cookie `session` of a person at the address `peer`."""

    def __init__(self, app: AsgiApp, session: str, *, peer: str = "127.0.0.1", scheme: str = "http") -> None:
        # The API takes writes with a cookie from its own pages only, and this is one.
        self._http = connect(app, peer, scheme, {"sec-fetch-site": "same-origin"})
        self._http.cookies.set(SESSION_COOKIE, session)
        self.renewal: str | None = None
        """`Set-Cookie` of a fresh session cookie that the API gave, for the browser to keep."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End it; a stream that is open ends too."""
        await self._http.aclose()

    async def me(self) -> Me:
        """The person of the session. Raises SignedOut."""
        return _read(Me, await self._get("me"))

    async def classes(self) -> list[ClassInfo]:
        """All device classes."""
        return _read(list[ClassInfo], (await self._get("classes"))["items"])

    async def gateways(self) -> list[Gateway]:
        """All gateways."""
        return _read(list[Gateway], (await self._get("gateways"))["items"])

    async def devices(self) -> list[Device]:
        """All devices, without points."""
        found: list[Device] = []
        after: str | None = None
        for _ in range(_MAX_PAGES):
            params: dict[str, str | int] = {"limit": _PAGE} | ({"after": after} if after else {})
            page = await self._get("devices", params)
            found += _read(list[Device], page["items"])
            after = page.get("next")
            if not after:
                break
        return found

    async def device(self, device: str) -> Device:
        """One device with its points and their latest values."""
        return _read(Device, await self._get(f"devices/{device}"))

    async def accept(self, device: str) -> None:
        """Accept a discovered device."""
        await self._post(f"devices/{device}/accept")

    async def latest(self, device_class: str) -> list[LatestReading]:
        """The newest values of all devices of a class."""
        page = await self._get("readings/latest", {"class": device_class})
        return _read(list[LatestReading], page["items"])

    async def history(
        self, device: str, point: str, function: str, hours: int, every: str
    ) -> list[HistorySample]:
        """What `function` makes of the last `hours` of one point, a value for each span of `every`."""
        params = {"device": device, "point": point, "from": f"-{hours}h", "every": every, "fn": function}
        return _read(list[HistorySample], (await self._get("readings", params))["samples"])

    async def open_alarms(self) -> list[Alarm]:
        """Alarms that are active or not acknowledged."""
        return _read(list[Alarm], (await self._get("alarms", {"open": "true"}))["items"])

    async def acknowledge(self, alarm: int) -> Alarm | None:
        """Acknowledge an alarm; the alarm as it is then, where the API returns it."""
        answer = await self._post(f"alarms/{alarm}/acknowledge")
        return _read(Alarm, answer) if answer.get("id") == alarm else None

    async def order(self, device: str, point: str, value: Value, reason: str) -> Command:
        """Ask for a command; the API checks rights, admission and range."""
        body = {"device": device, "point": point, "value": value, "reason": reason or None}
        return _read(Command, await self._post("commands", body))

    async def command(self, command: str) -> Command:
        """How far a command has come."""
        return _read(Command, await self._get(f"commands/{command}"))

    async def commands(self, device: str) -> list[Command]:
        """Commands of a device, newest first."""
        return _read(list[Command], (await self._get("commands", {"device": device}))["items"])

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[AsyncIterator[Event]]:
        """Server-sent events of everything that the session may see.

        Raises:
            ApiUnreachable: the stream ended or fell silent for 45 s.
        """
        try:
            async with self._http.stream(
                "GET", "stream", headers={"accept": "text/event-stream"}
            ) as response:
                if response.status_code >= 400:
                    _check(response, await response.aread())
                yield _events(response.aiter_lines())
        except httpx.HTTPError as error:
            raise ApiUnreachable("unreachable", f"The stream ended: {error}.") from error

    async def _get(self, path: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self._call("GET", path, params=params)

    async def _post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self._call("POST", path, json=body)

    async def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                response = await self._http.request(method, path, **arguments)
        except TimeoutError as error:
            raise ApiUnreachable("timeout", f"The API did not answer within {_TIMEOUT_S:g} s.") from error
        except httpx.HTTPError as error:
            raise ApiUnreachable("unreachable", f"The API does not answer: {error}.") from error
        self._keep_renewal(response)
        return _check(response, response.content)

    def _keep_renewal(self, response: httpx.Response) -> None:
        fresh = response.cookies.get(SESSION_COOKIE)
        if fresh:
            self.renewal = response.headers["set-cookie"]
            self._http.cookies.clear()
            self._http.cookies.set(SESSION_COOKIE, fresh)


def _check(response: httpx.Response, body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        answer = {}
    if response.status_code < 400:
        return answer if isinstance(answer, dict) else {}
    told = answer.get("error") if isinstance(answer, dict) else None
    told = told if isinstance(told, dict) else {}
    kind = {401: SignedOut}.get(
        response.status_code, ApiUnreachable if response.status_code >= 500 else ApiError
    )
    raise kind(
        str(told.get("code", response.status_code)),
        str(told.get("message", f"The API answered {response.status_code}.")),
        str(told.get("next_step") or ""),
        response.status_code,
    )


def _read(kind: type[T], answer: Any) -> T:
    try:
        return TypeAdapter(kind).validate_python(answer)
    except ValidationError as error:
        raise ApiError(
            "unreadable", f"The API's answer cannot be read: {error.errors()[0]['msg']}."
        ) from error


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    kind, data = "message", []
    async for line in _without_long_silence(lines):
        if line.startswith("event:"):
            kind = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].lstrip())
        elif line.startswith(":"):
            yield Event("beat", {})
        elif not line and data:
            if kind == "signed-out":
                raise SignedOut("not_signed_in", "The session has ended.", "Log in.", 401)
            if (event := _event(kind, data)) is not None:
                yield event
            kind, data = "message", []


async def _without_long_silence(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    while True:
        try:
            async with asyncio.timeout(_SILENCE_S):
                line = await anext(lines, None)
        except TimeoutError as error:
            raise ApiUnreachable("silent", f"The stream said nothing for {_SILENCE_S:g} s.") from error
        if line is None:
            raise ApiUnreachable("ended", "The API ended the stream.")
        yield line


def _event(kind: str, data: Sequence[str]) -> Event | None:
    try:
        read = orjson.loads("\n".join(data))
    except orjson.JSONDecodeError:
        return None
    return Event(kind, read) if isinstance(read, dict) else None
