"""The side while a device is open: state, values, chart, control."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from nicegui import ui

from cloud.console.board import Watch
from cloud.console.control_panel import ControlPanel
from cloud.console.desk import Desk
from cloud.console.display import age_text
from cloud.console.errors import ApiError
from cloud.console.history_chart import HistoryChart
from cloud.console.models import Command, Device, Sample
from cloud.console.value_table import ValueTable

_REDRAW_TICKS: Final = 60


class DevicePanel:
    """One device."""

    def __init__(
        self,
        desk: Desk,
        device: Device,
        commands: list[Command],
        *,
        on_close: Callable[[], None],
        on_changed: Callable[[str], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._device = device
        self._on_changed = on_changed
        self._ticks = 0
        self._latest: dict[str, Sample] = {p.field: p.latest for p in device.points if p.latest is not None}
        with ui.element("div").classes("panel") as self._box:
            self._box.props["data-panel"] = device.id
            self._head(on_close)
            with ui.element("div").classes("panel-body"):
                if device.admission == "discovered":
                    self._admission()
                self._control = ControlPanel(desk, device, commands)
                self._chart = HistoryChart(desk, device)
                self._values = ValueTable(desk, device)
        self._show()

    async def load(self) -> None:
        """Load what takes a moment: the chart."""
        await self._chart.load()

    def refresh(self, seen: Watch) -> None:
        """Take in what the feed has brought since the last call."""
        if seen.focus == self._device.id:
            self._latest.update(seen.readings)
            for command in seen.commands.values():
                self._control.take(command)
        marker = self._desk.feed.board.devices.get(self._device.id)
        if marker is not None and marker.state != self._device.state:
            self._device = self._device.model_copy(update={"state": marker.state})
        self._show()
        self._ticks += 1
        if self._ticks % _REDRAW_TICKS == 0:
            self._chart.reload_soon()

    def end(self) -> None:
        """Ask no longer: the page is gone."""
        self._control.end()

    def delete(self) -> None:
        """Take it from the page."""
        self.end()
        self._box.delete()

    def _head(self, on_close: Callable[[], None]) -> None:
        device, words = self._device, self._desk.words
        known = self._desk.feed.board.classes.get(device.device_class)
        with ui.element("div").classes("panel-head"):
            ui.icon(known.icon if known else "sensors").classes("panel-icon")
            with ui.element("div").classes("panel-title"):
                ui.label(device.name).classes("panel-name")
                kind = words.of(known.title) if known else device.device_class
                parts = [kind, device.id, f"{words('gateway')} {device.gateway}", device.model]
                ui.label(" · ".join(part for part in parts if part)).classes("quiet")
            close = ui.element("button").classes("icon-button")
            close.props(f'type=button aria-label="{words("close")}" data-act=close')
            with close.on("click", lambda _: on_close()):
                ui.icon("close")
        with ui.element("div").classes("panel-state"):
            self._state = ui.label("").classes("chip")
            self._age = ui.label("").classes("quiet")

    def _admission(self) -> None:
        words = self._desk.words
        with ui.element("div").classes("admission"):
            with ui.element("div"):
                ui.label(words("discovered")).classes("chip chip-discovered")
                ui.label(words("accept_hint")).classes("quiet")
            if self._desk.me.may_operate:
                button = ui.element("button").classes("act").props("type=button data-act=accept")
                with button.on("click", self._accept):
                    ui.label(words("accept"))

    async def _accept(self) -> None:
        try:
            await self._desk.api.accept(self._device.id)
        except ApiError as error:
            self._desk.fail(error)
            return
        self._desk.feed.board.incomplete = True
        self._desk.tell(self._desk.words("accepted_now", device=self._device.name))
        await self._on_changed(self._device.id)

    def _show(self) -> None:
        words, now = self._desk.words, self._desk.now_ms()
        self._state.set_text(words(self._device.state))
        self._state.classes(replace=f"chip chip-{self._device.state}")
        newest = max((sample.time_ms for sample in self._latest.values()), default=None)
        if newest is None:
            self._age.set_text(words("no_value_yet"))
        else:
            self._age.set_text(words("newest_value", age=age_text(newest, now, words)))
        self._values.show(self._latest, now, overdue=self._device.state != "online")
        self._control.show(now)
