"""Leaves out of each scan what says nothing new. Pure; time is that of the readings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge.report.rules import TOGETHER, DeviceReport, PointReport
from telemetry.readings import Reading, Value

_EVERY_SCAN: Final = PointReport(is_always=True)


class ReportFilter:
    """Remembers what was sent of one device."""

    def __init__(self, report: DeviceReport) -> None:
        self._report = report
        self._sent: dict[str, Reading] = {}
        self._sent_ms: int | None = None
        self._scanned_ms: dict[str, int] = {}

    def select(self, readings: Sequence[Reading]) -> list[Reading]:
        """Those of one scan that are worth sending, in their order; `sent` says that they go."""
        if self._is_silent(readings):
            return list(readings)
        chosen = {reading.metric for reading in readings if self._is_news(reading)}
        if chosen & TOGETHER:
            chosen |= TOGETHER
        return [reading for reading in readings if reading.metric in chosen]

    def sent(self, readings: Sequence[Reading]) -> None:
        """These go to the spool."""
        self._sent.update({reading.metric: reading for reading in readings})
        if readings:
            self._sent_ms = readings[-1].time_ms

    def _is_silent(self, readings: Sequence[Reading]) -> bool:
        """Whether the device has not been heard of for as long as a host expects."""
        if self._sent_ms is None:
            return True
        passed_ms = readings[0].time_ms - self._sent_ms
        return not 0 <= passed_ms < 1000 * self._report.expected_every_s

    def _is_news(self, reading: Reading) -> bool:
        rule = self._report.points.get(reading.metric, _EVERY_SCAN)
        before = self._sent.get(reading.metric)
        scanned_ms = self._scanned_ms.get(reading.metric, reading.time_ms)
        self._scanned_ms[reading.metric] = reading.time_ms
        if rule.is_always or before is None or reading.quality is not before.quality:
            return True
        passed_ms = reading.time_ms - before.time_ms
        # Half a period early is nearer to the heartbeat than half a period late.
        period_ms = max(0, reading.time_ms - scanned_ms)
        if not 0 <= passed_ms + period_ms / 2 < 1000 * rule.heartbeat_s:
            return True
        if _is_number(reading.value) and _is_number(before.value):
            return rule.is_change(float(before.value), float(reading.value))  # type: ignore[arg-type]
        return reading.value != before.value


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
