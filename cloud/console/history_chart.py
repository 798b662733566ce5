"""The chart of a device's last 24 hours."""

from __future__ import annotations

import asyncio

from nicegui import background_tasks, ui
from nicegui.events import ValueChangeEventArguments

from cloud.console.desk import Desk
from cloud.console.errors import ApiError
from cloud.console.history import EVERY, HOURS, can_chart, chart_options, first_point, is_level
from cloud.console.models import Device, HistorySample


class HistoryChart:
    """One point at a time; the headline point first."""

    def __init__(self, desk: Desk, device: Device) -> None:
        self._desk = desk
        self._device = device
        self._points = {point.field: point for point in device.points if can_chart(point)}
        first = first_point(device.points)
        self._field = first.field if first is not None else ""
        with ui.element("div").classes("bar") as self._bar:
            ui.label(desk.words("last_24h")).classes("bar-title")
            names = {field: desk.words.of(point.title) for field, point in self._points.items()}
            self._select = ui.select(names, value=self._field or None, on_change=self._chosen)
            self._select.props("dense outlined options-dense data-act=point").classes("point-select")
        self._chart = ui.echart({"series": []}).classes("chart").props("data-samples=0")
        if first is None:
            self._bar.set_visibility(False)
            self._chart.set_visibility(False)

    async def load(self) -> None:
        """Ask for the chosen point's history, and draw it."""
        point = self._points.get(self._field)
        if point is None:
            return
        asked = self._field
        functions = ("mean", "min", "max") if is_level(point) else ("last",)
        try:
            line, *band = await asyncio.gather(*(self._ask(asked, function) for function in functions))
        except ApiError as error:
            self._desk.fail(error)
            return
        if asked != self._field or self._chart.is_deleted:
            return
        low, high = band or ([], [])
        options = chart_options(point, self._desk.now_ms(), self._desk.words, line=line, low=low, high=high)
        self._chart.options.clear()
        self._chart.options.update(options)
        self._chart.props(f"data-samples={len(line)}")
        self._chart.update()

    def reload_soon(self) -> None:
        """Draw it again with what has been measured since."""
        background_tasks.create(self.load(), name="console chart")

    async def _ask(self, field: str, function: str) -> list[HistorySample]:
        return await self._desk.api.history(self._device.id, field, function, HOURS, EVERY)

    async def _chosen(self, event: ValueChangeEventArguments[str | None]) -> None:
        self._field = str(event.value)
        await self.load()
