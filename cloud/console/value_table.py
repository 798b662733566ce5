"""All values of a device, with unit, quality and age."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui import ui

from cloud.console.desk import Desk
from cloud.console.display import age_text, date_time, quality_text, value_text
from cloud.console.models import Device, PointInfo, Sample


class ValueTable:
    """A row for each point, headline points first."""

    def __init__(self, desk: Desk, device: Device) -> None:
        self._desk = desk
        points = sorted(device.points, key=lambda point: not point.headline)
        ui.label(desk.words("values")).classes("bar-title")
        with ui.element("div").classes("values"):
            self._rows = [_Row(desk, point) for point in points]

    def show(self, latest: Mapping[str, Sample], now_ms: int, *, overdue: bool) -> None:
        """Show these values; `overdue` marks all of them as possibly no longer true."""
        for row in self._rows:
            row.show(latest.get(row.point.field), now_ms, overdue=overdue)


class _Row:
    def __init__(self, desk: Desk, point: PointInfo) -> None:
        self.point = point
        self._words = desk.words
        self._look = ""
        with ui.element("div").classes("value-row") as self._box:
            self._box.props["data-field"] = point.field
            ui.label(desk.words.of(point.title)).classes("value-title")
            self._doubt = ui.label("").classes("value-doubt")
            self._value = ui.label("").classes("value")
            self._age = ui.label("").classes("value-age")

    def show(self, sample: Sample | None, now_ms: int, *, overdue: bool) -> None:
        words = self._words
        if sample is None:
            self._set("–", "", "", "none", "")
            return
        age = age_text(sample.time_ms, now_ms, words)
        at = date_time(sample.time_ms)
        shown = value_text(self.point, sample.value, words)
        doubt = quality_text(sample, words)
        if doubt and sample.value is not None:
            self._set(words("last_raw", value=shown), doubt, age, "bad", at)
        elif doubt:
            self._set("–", doubt, age, "bad", at)
        else:
            self._set(shown, words("quality_old") if overdue else "", age, "old" if overdue else "good", at)

    def _set(self, value: str, doubt: str, age: str, look: str, at: str) -> None:
        self._value.set_text(value)
        self._doubt.set_text(doubt)
        self._age.set_text(age)
        if look != self._look:
            self._look = look
            self._box.classes(replace=f"value-row value-{look}")
            self._box.props(f'data-quality="{look}"')
        if self._box.props.get("title") != at:
            self._box.props["title"] = at
            self._box.update()
