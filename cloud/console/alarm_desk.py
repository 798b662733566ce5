"""The queue of open alarms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nicegui import ui

from cloud.console.components import AlarmList
from cloud.console.desk import Desk
from cloud.console.display import date_time, since_text
from cloud.console.errors import ApiError
from cloud.console.models import Alarm

_MOST_ROWS: Final = 200


class AlarmDesk:
    """Lists alarms, newest on top, and acknowledges them."""

    def __init__(self, desk: Desk, *, on_open: Callable[[str], Any]) -> None:
        self._desk = desk
        with ui.element("section").classes("alarms-area"):
            with ui.element("div").classes("bar"):
                ui.label(desk.words("alarms")).classes("bar-title")
                self._count = ui.label("").classes("bar-count")
            self._list = AlarmList(
                desk.words, may=desk.me.may_operate, on_open=on_open, on_acknowledge=self._acknowledge
            )

    def refresh(self) -> None:
        """Show the alarms of now."""
        alarms = self._desk.feed.board.open_alarms()
        shown = [self._row(alarm) for alarm in alarms[:_MOST_ROWS]]
        cut = len(alarms) > _MOST_ROWS
        self._count.set_text(str(len(alarms)))
        words = self._desk.words
        self._list.show(shown, words("alarms_cut", shown=_MOST_ROWS, count=len(alarms)) if cut else "")

    def select(self, device: str) -> None:
        """Mark the alarms of this device."""
        self._list.select(device)

    def _row(self, alarm: Alarm) -> dict[str, Any]:
        words = self._desk.words
        device = self._desk.feed.board.devices.get(alarm.device)
        note = ""
        if not alarm.active:
            note = words("cleared")
        elif alarm.acknowledged:
            who = alarm.acknowledged_by
            note = words("acknowledged_by", who=who) if who else words("acknowledged")
        return {
            "id": alarm.id,
            "device": alarm.device,
            "name": device.name if device is not None else alarm.device or alarm.gateway,
            "severity": str(alarm.severity),
            "since": since_text(alarm.raised_ms, self._desk.now_ms()),
            "since_full": date_time(alarm.raised_ms),
            "text": words.of(alarm.text),
            "advice": words.of(alarm.advice),
            "acknowledged": alarm.acknowledged,
            "note": note,
        }

    async def _acknowledge(self, number: int) -> None:
        try:
            alarm = await self._desk.api.acknowledge(number)
        except ApiError as error:
            self._desk.fail(error)
            return
        if alarm is not None:
            self._desk.feed.board.keep_alarm(alarm)
