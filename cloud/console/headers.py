"""Headers: browsers load nothing from elsewhere, and other sites cannot put the console into a frame."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.console.paths import GEO_URL, STATIC_URL

_HEADERS: Final = {
    # NiceGUI compiles its templates in the browser: it needs inline scripts and eval.
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}
_OWN_FILES: Final = (STATIC_URL, GEO_URL)


class CarefulHeaders:
    """ASGI middleware: adds the headers where the application has not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def careful(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith(_OWN_FILES):
                    # A newer version's files must not wait for an old one's to age.
                    headers.setdefault("cache-control", "no-cache")
            await send(message)

        await self._app(scope, receive, careful)
