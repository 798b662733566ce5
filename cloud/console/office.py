"""What all pages of this process share: the API, one feed per role, the people's preferences."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from cloud.console.asgi import AsgiApp
from cloud.console.client import SESSION_COOKIE, Api
from cloud.console.errors import SignedOut
from cloud.console.feed import Feed
from cloud.console.preferences import Preferences
from telemetry.clock import Clock


class Office:
    """Shared by all pages."""

    def __init__(self, app: AsgiApp, preferences: Preferences, clock: Clock) -> None:
        self.app = app
        self.preferences = preferences
        self.clock = clock
        self._feeds: dict[str, Feed] = {}

    def feed(self, role: str) -> Feed:
        """The feed of a role."""
        return self._feeds.setdefault(role, Feed(self.clock))

    def api(self, request: HTTPConnection) -> Api:
        """The API in the name of the browser that sent `request`. Raises SignedOut without a session."""
        session = request.cookies.get(SESSION_COOKIE)
        if not session:
            raise SignedOut("not_signed_in", "No session.", "Log in.", 401)
        return Api(self.app, session, peer=peer_of(request), scheme=request.url.scheme)


def peer_of(request: HTTPConnection) -> str:
    """The browser's address."""
    return request.client.host if request.client is not None else "127.0.0.1"
