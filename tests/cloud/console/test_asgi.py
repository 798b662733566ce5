"""The in-process transport: streams, ends, failures."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from cloud.console.asgi import AsgiApp, InProcessTransport


def client(app: AsgiApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=InProcessTransport(app, ("10.0.0.9", 0)), base_url="http://inside")


async def _start(send: Any, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"x-who", b"app")]})


def test_gives_the_response_while_the_application_still_speaks() -> None:
    async def scenario() -> list[bytes]:
        go_on = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await _start(send)
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
            await go_on.wait()
            await send({"type": "http.response.body", "body": b"second"})

        seen = []
        async with client(app) as http, http.stream("GET", "/x") as response:
            async for chunk in response.aiter_raw():
                seen.append(chunk)
                go_on.set()
        return seen

    assert asyncio.run(asyncio.wait_for(scenario(), 5)) == [b"first", b"second"]


def test_passes_method_path_query_body_and_address() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        told = f"{scope['method']} {scope['path']} {scope['query_string'].decode()} {scope['client'][0]} "
        await _start(send, 201)
        await send({"type": "http.response.body", "body": told.encode() + body})

    async def scenario() -> httpx.Response:
        async with client(app) as http:
            return await http.post("/a/b", params={"q": "1"}, content=b"hello")

    response = asyncio.run(scenario())
    assert response.status_code == 201
    assert response.headers["x-who"] == "app"
    assert response.text == "POST /a/b q=1 10.0.0.9 hello"


def test_closing_the_response_ends_the_application() -> None:
    async def scenario() -> str:
        ended = asyncio.get_running_loop().create_future()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            try:
                await _start(send)
                while True:
                    await send({"type": "http.response.body", "body": b"x" * 10, "more_body": True})
            finally:
                ended.set_result("ended")

        async with client(app) as http, http.stream("GET", "/") as response:
            await anext(response.aiter_raw())
        return await ended

    assert asyncio.run(asyncio.wait_for(scenario(), 5)) == "ended"


def test_a_slow_reader_holds_the_application_back() -> None:
    async def scenario() -> int:
        sent = 0

        async def app(scope: Any, receive: Any, send: Any) -> None:
            nonlocal sent
            await _start(send)
            for _ in range(10_000):
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                sent += 1

        async with client(app) as http, http.stream("GET", "/"):
            for _ in range(50):
                await asyncio.sleep(0)
        return sent

    assert asyncio.run(asyncio.wait_for(scenario(), 5)) <= 256


def test_a_failure_before_the_response_is_told() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("no database")

    async def scenario() -> None:
        async with client(app) as http:
            await http.get("/")

    with pytest.raises(httpx.RemoteProtocolError, match="no database"):
        asyncio.run(scenario())


def test_a_failure_in_the_middle_ends_the_stream() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _start(send)
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("gone")

    async def scenario() -> bytes:
        async with client(app) as http, http.stream("GET", "/") as response:
            return b"".join([chunk async for chunk in response.aiter_raw()])

    assert asyncio.run(asyncio.wait_for(scenario(), 5)) == b"half"
