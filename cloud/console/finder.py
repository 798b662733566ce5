"""The side while no device is open: what needs attention, a search, and which classes the map shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from cloud.console.board import Marker
from cloud.console.components import DeviceList
from cloud.console.desk import Desk
from cloud.console.markers import find_devices, needing_attention

_MOST_ROWS: Final = 60


class Finder:
    """Finds devices; shows those that need attention while nothing is searched."""

    def __init__(
        self, desk: Desk, *, on_open: Callable[[str], Any], on_class: Callable[[str, bool], None]
    ) -> None:
        self._desk = desk
        self._on_class = on_class
        self._hidden: set[str] = set()
        self._chips: dict[str, tuple[ui.element, ui.label]] = {}
        words = desk.words
        with ui.element("div").classes("finder") as self._box:
            ui.label(words("classes")).classes("bar-title")
            self._classes = ui.element("div").classes("class-chips")
            self._search = ui.input(placeholder=words("find_device"), on_change=self._searched)
            self._search.props('dense outlined debounce=250 clearable data-act="find"').classes("find")
            self._title = ui.label(words("needs_attention")).classes("bar-title")
            self._list = DeviceList(on_select=on_open)

    def set_visibility(self, shown: bool) -> None:
        """Show or hide it."""
        self._box.set_visibility(shown)

    def refresh(self) -> None:
        """Show the devices of now."""
        board, words = self._desk.feed.board, self._desk.words
        self._refresh_classes()
        wanted = (self._search.value or "").strip()
        title = "found" if wanted else "needs_attention"
        devices, count = (
            find_devices(board, wanted, _MOST_ROWS) if wanted else needing_attention(board, _MOST_ROWS)
        )
        if not wanted and not devices:
            title = "all_normal"
            devices, count = find_devices(board, "", _MOST_ROWS)
        self._title.set_text(words(title))
        more = words("more_devices", count=count - len(devices)) if count > len(devices) else ""
        empty = words("nothing_found")
        self._list.show([self._row(device) for device in devices], empty=empty, more=more)

    def _searched(self, _: ValueChangeEventArguments[str | None]) -> None:
        self.refresh()

    def _refresh_classes(self) -> None:
        board, words = self._desk.feed.board, self._desk.words
        counts = Counter(device.device_class for device in board.devices.values())
        for known in board.classes.values():
            if not counts[known.id]:
                continue
            if known.id not in self._chips:
                with self._classes:
                    self._chips[known.id] = self._chip(known.id, known.icon, words.of(known.title))
            self._chips[known.id][1].set_text(str(counts[known.id]))

    def _chip(self, device_class: str, icon: str, title: str) -> tuple[ui.element, ui.label]:
        with ui.element("button").classes("class-chip is-on").props("type=button aria-pressed=true") as chip:
            ui.icon(icon)
            ui.label(title)
            count = ui.label("").classes("class-count")
        chip.on("click", lambda _: self._toggle(device_class))
        return chip, count

    def _toggle(self, device_class: str) -> None:
        shown = device_class in self._hidden
        (self._hidden.discard if shown else self._hidden.add)(device_class)
        chip = self._chips[device_class][0]
        chip.classes(toggle="is-on").props(f"aria-pressed={str(shown).lower()}")
        self._on_class(device_class, shown)

    def _row(self, device: Marker) -> dict[str, Any]:
        board, words = self._desk.feed.board, self._desk.words
        known = board.classes.get(device.device_class)
        alarms = board.alarms_of(device.id)
        if alarms:
            taken_up = all(alarm.acknowledged for alarm in alarms)
            look = f"{alarms[0].severity}{' chip-taken-up' if taken_up else ''}"
            state = words(str(alarms[0].severity))
        elif device.state == "online" and device.admission == "discovered":
            look, state = "discovered", words("discovered")
        else:
            look, state = device.state, words(device.state)
        kind = words.of(known.title) if known else device.device_class
        return {
            "id": device.id,
            "name": device.name,
            "detail": words.of(alarms[0].text) if alarms else f"{kind} · {device.id}",
            "icon": known.icon if known else "sensors",
            "look": look,
            "state": state,
        }
