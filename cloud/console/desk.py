"""What the parts of one page share."""

from __future__ import annotations

from dataclasses import dataclass

from nicegui import Client, ui

from cloud.console.client import Api
from cloud.console.errors import ApiError, ApiUnreachable, SignedOut
from cloud.console.feed import Feed
from cloud.console.models import Me
from cloud.console.paths import SIGN_IN_URL
from cloud.console.texts import Words
from telemetry.clock import Clock


@dataclass(frozen=True, slots=True)
class Desk:
    """One browser tab: whose it is, what it looks at, and how it reaches the API."""

    api: Api
    me: Me
    words: Words
    feed: Feed
    clock: Clock
    client: Client

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return self.clock.now_ms()

    def tell(self, text: str) -> None:
        """A short message that goes away by itself."""
        with self.client:
            ui.notify(text, type="info", position="top", timeout=4000)

    def fail(self, error: ApiError) -> None:
        """Tell the person that something was not done, and why; to the log-in where the session has ended."""
        with self.client:
            if isinstance(error, SignedOut):
                ui.navigate.to(SIGN_IN_URL)
                return
            text = self.words("not_done", cause=explain(error, self.words))
            ui.notify(text, type="negative", position="top", timeout=8000, close_button="×")


def explain(error: ApiError, words: Words) -> str:
    """The cause in words for an operator; the API's own sentence where we have none."""
    if isinstance(error, ApiUnreachable):
        return words("unreachable")
    return words("forbidden") if error.status == 403 else str(error)
