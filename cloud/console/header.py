"""The header: how the whole is doing, who is logged in."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from cloud.console.board import SEVERITIES
from cloud.console.desk import Desk
from cloud.console.display import clock_time, number
from cloud.console.paths import SIGN_OUT_URL


class Header:
    """Counts that a person across the room can read."""

    def __init__(self, desk: Desk, *, on_language: Callable[[], None]) -> None:
        self._desk = desk
        words = desk.words
        with ui.element("header").classes("head"):
            with ui.element("div").classes("brand"):
                ui.element("img").props('src="/console/static/favicon.svg" alt=""')
                with ui.element("div"):
                    ui.label("kega").classes("brand-name")
                    ui.label(words("region")).classes("brand-place")
            with ui.element("div").classes("tiles"):
                self._gateways = _Tile(words("gateways"))
                self._online = _Tile(words("devices_online"))
                self._stale = _Tile(words("devices_stale"))
                self._offline = _Tile(words("devices_offline"))
                self._alarms = _Tile(words("alarms_open"), key="alarms")
                self._rate = _Tile(words("rate"))
            with ui.element("div").classes("person"):
                self._clock = ui.label("").classes("clock")
                with ui.element("div").classes("who"):
                    ui.label(desk.me.name.removeprefix("token:"))
                    ui.label(words(f"role_{desk.me.role}")).classes("quiet")
                button = ui.element("button").classes("plain-button").props("type=button data-act=language")
                with button.on("click", lambda _: on_language()):
                    ui.label(words("switch_language"))
                with (
                    ui.element("form").props(f'method="post" action="{SIGN_OUT_URL}"'),
                    ui.element("button").classes("plain-button").props("type=submit data-act=sign-out"),
                ):
                    ui.label(words("sign_out"))

    def refresh(self) -> None:
        """Show the counts of now."""
        board, words = self._desk.feed.board, self._desk.words
        up = sum(board.gateways.values())
        self._gateways.show(f"{up}/{len(board.gateways)}", "warn" if up < len(board.gateways) else "")
        counts = board.counts()
        self._online.show(str(counts["online"]))
        self._stale.show(str(counts["stale"]), "warn" if counts["stale"] else "")
        self._offline.show(str(counts["offline"]), "warn" if counts["offline"] else "")
        waiting = [alarm for alarm in board.alarms.values() if not alarm.acknowledged]
        worst = min((SEVERITIES.index(alarm.severity) for alarm in waiting), default=None)
        self._alarms.show(
            str(len(board.alarms)),
            "" if worst is None else str(SEVERITIES[worst]),
            f"{len(waiting)} {words('alarms_unacknowledged')}" if waiting else "",
        )
        self._rate.show(number(self._desk.feed.values_per_s, 0, words.language))
        self._clock.set_text(clock_time(self._desk.now_ms(), seconds=True))


class _Tile:
    def __init__(self, title: str, key: str = "") -> None:
        with ui.element("div").classes("tile").props(f'data-tile="{key}"') as self._box:
            with ui.element("div").classes("tile-line"):
                self._number = ui.label("–").classes("tile-number")
                self._note = ui.label("").classes("tile-note")
            ui.label(title).classes("tile-title")
        self._look = ""

    def show(self, number_text: str, look: str = "", note: str = "") -> None:
        self._number.set_text(number_text)
        self._note.set_text(note)
        if look != self._look:
            self._box.classes(remove=f"tile-{self._look}", add=f"tile-{look}" if look else "")
            self._look = look
