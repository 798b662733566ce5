"""An httpx transport that calls an ASGI application in this process, and streams what it answers.

`httpx.ASGITransport` gives a response only when the application has finished it, which a stream of
server-sent events never does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

import httpx

Message: TypeAlias = MutableMapping[str, Any]
AsgiApp: TypeAlias = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

_CHUNKS_AHEAD: Final = 256
"""Chunks that the application may be ahead of the reader; when they are used up, its `send` waits."""


class InProcessTransport(httpx.AsyncBaseTransport):
    """Sends requests to `app` as coming from `client` (address, port)."""

    def __init__(self, app: AsgiApp, client: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self._app = app
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response, as soon as its head is there. Raises httpx.RemoteProtocolError if none comes."""
        call = _Call(await request.aread())
        call.task = asyncio.create_task(self._app(self._scope(request), call.receive, call.send))  # type: ignore[arg-type]
        call.task.add_done_callback(call.ended)
        try:
            head = await call.head
        except BaseException:
            await call.aclose()
            raise
        return httpx.Response(head["status"], headers=head.get("headers", []), stream=call, request=request)

    def _scope(self, request: httpx.Request) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.split(b"?")[0],
            "query_string": request.url.query,
            "server": (request.url.host, request.url.port or 80),
            "client": self._client,
            "root_path": "",
        }


class _Call(httpx.AsyncByteStream):
    """One request on its way through the application: its body, the response's head and chunks."""

    task: asyncio.Task[None]

    def __init__(self, body: bytes) -> None:
        self.head: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._body: bytes | None = body
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(_CHUNKS_AHEAD)
        self._gone = asyncio.Event()

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if not self.head.done():
                self.head.set_result(message)
            return
        if body := message.get("body", b""):
            await self._chunks.put(body)
        if not message.get("more_body", False):
            await self._chunks.put(None)

    def ended(self, task: asyncio.Task[None]) -> None:
        """The application returned, was cancelled or failed; a reader that still waits must learn of it."""
        error = None if task.cancelled() else task.exception()
        if not self.head.done():
            cause = f"{type(error).__name__}: {error}" if error else "it gave no response"
            self.head.set_exception(httpx.RemoteProtocolError(f"the application failed: {cause}"))
        with contextlib.suppress(asyncio.QueueFull):
            self._chunks.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            if self.task.done() and self._chunks.empty():
                return
            chunk = await self._chunks.get()
            if chunk is None:
                return
            yield chunk

    async def aclose(self) -> None:
        self._gone.set()
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self.task
