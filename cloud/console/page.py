"""The operators' page: header, map, alarms, and at the side a device or the list of devices."""

from __future__ import annotations

from typing import Final

from nicegui import ui

from cloud.console.alarm_desk import AlarmDesk
from cloud.console.components import ConnectionWatch, FleetMap
from cloud.console.desk import Desk
from cloud.console.device_panel import DevicePanel
from cloud.console.display import clock_time
from cloud.console.errors import ApiError
from cloud.console.finder import Finder
from cloud.console.header import Header
from cloud.console.markers import changed_rows, tooltip_lines
from cloud.console.paths import SIGN_IN_URL, STATIC_URL
from cloud.console.preferences import Preferences

_TICK_S: Final = 1.0
_LOAD_WAIT_S: Final = 10.0


class OperatorPage:
    """Builds the page and keeps it up to date, once a second, with what its watch has gathered."""

    def __init__(self, desk: Desk, preferences: Preferences) -> None:
        self._desk = desk
        self._preferences = preferences
        self._viewer = desk.feed.join(desk.api)
        self._panel: DevicePanel | None = None
        self._hidden: set[str] = set()
        desk.client.on_delete(self._leave)

    async def build(self, device: str) -> None:
        """Make the page's elements; `device` is opened at once, unless it is empty."""
        desk, words = self._desk, self._desk.words
        await desk.feed.loaded(_LOAD_WAIT_S)
        ui.add_head_html(f'<link rel="stylesheet" href="{STATIC_URL}/console.css">')
        icons = {known.id: known.icon for known in desk.feed.board.classes.values()}
        with ui.element("div").classes("console").props(f"lang={words.language}"):
            self._header = Header(desk, on_language=self._switch_language)
            with ui.element("main").classes("desk"):
                with ui.element("section").classes("map-area"):
                    self._map = FleetMap(words, icons, on_select=self.open, on_hover=self._hover)
                    self._note = ui.label("").classes("map-note")
                self._alarms = AlarmDesk(desk, on_open=self.open)
                self._side = ui.element("aside").classes("side")
            self._overlay = ConnectionWatch(words)
        with self._side:
            self._finder = Finder(desk, on_open=self.open, on_class=self._show_class)
        self._tick()
        ui.timer(_TICK_S, self._tick)
        if device:
            await self.open(device)

    async def open(self, device: str) -> None:
        """Show a device at the side."""
        try:
            told = await self._desk.api.device(device)
            commands = await self._desk.api.commands(device)
        except ApiError as error:
            self._desk.fail(error)
            return
        self._close_panel()
        self._viewer.watch.look_at(device)
        self._finder.set_visibility(False)
        self._map.select(device)
        self._alarms.select(device)
        with self._side:
            self._panel = DevicePanel(self._desk, told, commands, on_close=self.close, on_changed=self.open)
        await self._panel.load()

    def close(self) -> None:
        """Show the list of devices again."""
        self._close_panel()
        self._viewer.watch.look_at("")
        self._finder.set_visibility(True)
        self._map.select("")
        self._alarms.select("")

    def _close_panel(self) -> None:
        if self._panel is not None:
            self._panel.delete()
            self._panel = None

    def _tick(self) -> None:
        desk = self._desk
        if self._viewer.signed_out:
            ui.navigate.to(SIGN_IN_URL)
            return
        seen = self._viewer.watch.take()
        if seen.reset or seen.devices:
            self._map.change(changed_rows(desk.feed.board, seen.devices), reset=seen.reset)
        if seen.alarms:
            self._alarms.refresh()
        if seen.reset or seen.devices or seen.alarms:
            self._finder.refresh()
        self._header.refresh()
        if self._panel is not None:
            self._panel.refresh(seen)
        self._show_link()

    def _show_link(self) -> None:
        feed, words = self._desk.feed, self._desk.words
        notes = {"polling": "polling", "starting": "loading"}
        self._note.set_text(words(notes[feed.link]) if feed.link in notes else "")
        lost = feed.link == "lost"
        self._overlay.freeze(clock_time(feed.fresh_ms or self._desk.now_ms()) if lost else "")

    def _hover(self, device: str) -> None:
        known = self._desk.feed.board.devices.get(device)
        if known is not None:
            self._map.tell(device, tooltip_lines(self._desk.feed.board, known, self._desk.words))

    def _show_class(self, device_class: str, shown: bool) -> None:
        if shown:
            self._hidden.discard(device_class)
        else:
            self._hidden.add(device_class)
        self._map.hide(sorted(self._hidden))

    def _switch_language(self) -> None:
        self._preferences.choose(self._desk.me.name, self._desk.words.other)
        ui.navigate.reload()

    async def _leave(self) -> None:
        if self._panel is not None:
            self._panel.end()
        self._desk.feed.leave(self._viewer)
        await self._desk.api.aclose()
