"""Calls on the API: answers read, refusals told apart, streams followed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.responses import JSONResponse, Response, StreamingResponse

from cloud.console import client as module
from cloud.console.client import Api, Event
from cloud.console.errors import ApiError, ApiUnreachable, SignedOut
from cloud.console.models import HistorySample
from tests.cloud.console.fake_api import Province

LogIn = Callable[[str], Api]


def streaming(text: str) -> Api:
    """An API whose stream says `text` and ends."""
    app = FastAPI()

    @app.get("/api/v1/stream")
    async def stream() -> Response:
        return StreamingResponse(iter([text]), media_type="text/event-stream")

    return Api(app, "s")


async def events_of(api: Api) -> list[Event]:
    seen: list[Event] = []
    async with api, api.stream() as events:
        try:
            async for event in events:
                seen.append(event)
        except ApiUnreachable:
            return seen
    raise AssertionError("the stream's end was not told")


def test_reads_what_the_api_tells(log_in: LogIn, province: Province) -> None:
    async def scenario() -> None:
        async with log_in("operator") as api:
            me = await api.me()
            assert (me.name, me.role, me.may_operate) == ("operator", "operator", True)
            assert {known.id for known in await api.classes()} >= {"streetlight", "truck"}
            assert len(await api.devices()) == 60
            assert sum(gateway.online for gateway in await api.gateways()) == 7
            lamp = await api.device("sl-000001")
            on = next(point for point in lamp.points if point.field == "lamp_on")
            assert on.writable
            assert on.latest is not None
            assert on.latest.is_good
            assert len(await api.history("sl-000001", "power_active", "mean", 24, "10m")) > 100
            assert [alarm.id for alarm in await api.open_alarms()] == [1, 2, 3, 4, 5]

    asyncio.run(scenario())


def test_all_pages_of_devices_are_read(monkeypatch: pytest.MonkeyPatch, log_in: LogIn) -> None:
    monkeypatch.setattr(module, "_PAGE", 7)

    async def scenario() -> list[str]:
        async with log_in("viewer") as api:
            return [device.id for device in await api.devices()]

    ids = asyncio.run(scenario())
    assert len(ids) == len(set(ids)) == 60


@pytest.mark.parametrize(
    ("status", "expected"), [(401, SignedOut), (403, ApiError), (422, ApiError), (503, ApiUnreachable)]
)
def test_refusals_are_told_apart(status: int, expected: type[ApiError]) -> None:
    app = FastAPI()

    @app.get("/api/v1/me")
    async def me() -> Response:
        told = {"code": "c", "message": "The cause.", "next_step": "The step."}
        return JSONResponse({"error": told}, status)

    async def scenario() -> None:
        async with Api(app, "s") as api:
            await api.me()

    with pytest.raises(expected) as raised:
        asyncio.run(scenario())
    assert type(raised.value) is expected
    assert str(raised.value) == "The cause. The step."


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"role": 3}', b'{"error": "text"}'])
def test_an_answer_that_cannot_be_read_is_an_error(body: bytes) -> None:
    app = FastAPI()

    @app.get("/api/v1/me")
    async def me() -> Response:
        return Response(body)

    async def scenario() -> None:
        async with Api(app, "s") as api:
            await api.me()

    with pytest.raises(ApiError, match="cannot be read"):
        asyncio.run(scenario())


def test_an_application_that_fails_is_unreachable() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise OSError("disk")

    async def scenario() -> None:
        async with Api(app, "s") as api:
            await api.me()

    with pytest.raises(ApiUnreachable, match="disk"):
        asyncio.run(scenario())


def test_an_application_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TIMEOUT_S", 0.05)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with Api(app, "s") as api:
            await api.me()

    with pytest.raises(ApiUnreachable, match=r"within 0\.05 s"):
        asyncio.run(scenario())


def test_a_viewer_may_not_acknowledge(log_in: LogIn) -> None:
    async def scenario() -> None:
        async with log_in("viewer") as api:
            await api.acknowledge(1)

    with pytest.raises(ApiError) as raised:
        asyncio.run(scenario())
    assert raised.value.status == 403


def test_events_of_a_stream_are_read() -> None:
    text = (
        ": still here\n\n"
        'event: device\ndata: {"id": "sl-1",\ndata:  "state": "stale"}\n\n'
        "event: reading\ndata: no json\n\n"
        "event: reading\ndata: [1]\n\n"
        'data: {"a": 1}\n\n'
    )
    assert asyncio.run(events_of(streaming(text))) == [
        Event("beat", {}),
        Event("device", {"id": "sl-1", "state": "stale"}),
        Event("message", {"a": 1}),
    ]


def test_a_stream_that_tells_of_the_sessions_end_is_signed_out() -> None:
    async def scenario() -> None:
        async with streaming("event: signed-out\ndata: {}\n\n") as api, api.stream() as events:
            await anext(events)

    with pytest.raises(SignedOut):
        asyncio.run(scenario())


def test_a_silent_stream_is_given_up(monkeypatch: pytest.MonkeyPatch, log_in: LogIn) -> None:
    monkeypatch.setattr(module, "_SILENCE_S", 0.1)

    async def scenario() -> None:
        async with log_in("viewer") as api, api.stream() as events:
            async for _ in events:
                pass

    with pytest.raises(ApiUnreachable, match="said nothing"):
        asyncio.run(scenario())


def test_a_renewed_session_is_used_and_kept_for_the_browser() -> None:
    app = FastAPI()

    @app.get("/api/v1/me")
    async def me(response: Response) -> dict[str, str]:
        response.set_cookie("kega_session", "fresh", httponly=True)
        return {"name": "lan", "role": "viewer"}

    @app.get("/api/v1/classes")
    async def classes() -> dict[str, list[str]]:
        return {"items": []}

    async def scenario() -> tuple[str | None, dict[str, str]]:
        async with Api(app, "old") as api:
            await api.me()
            await api.classes()
            return api.renewal, dict(api._http.cookies)

    renewal, cookies = asyncio.run(scenario())
    assert renewal is not None
    assert renewal.startswith("kega_session=fresh; HttpOnly")
    assert cookies == {"kega_session": "fresh"}


def test_history_may_hold_truth_values() -> None:
    assert HistorySample.model_validate({"time_ms": 1, "value": True}).value == 1.0
