"""How each point of a device is reported. Pure data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.config import ReportConfig
from telemetry.devices.classes import DeviceClass, Point
from telemetry.readings import ValueType
from telemetry.sparkplug.metrics import LATITUDE, LONGITUDE

TOGETHER: Final = frozenset({LATITUDE, LONGITUDE})
"""Metrics that mean nothing without each other."""
DEFAULT_EVERY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class PointReport:
    """When a point is worth a message."""

    dead_band: float = 0.0
    """A change of no more than this is none; in the point's unit, or a share of the last value sent."""
    is_share: bool = False
    heartbeat_s: float = DEFAULT_EVERY_S
    """Sent at the latest after this, changed or not."""
    is_always: bool = False
    """Sent with every scan: alarms are judged by it, or it shows what a command did."""

    def is_change(self, before: float, now: float) -> bool:
        """Whether `now` is worth a message after `before`."""
        width = self.dead_band * abs(before) if self.is_share else self.dead_band
        return abs(now - before) > width or (width == 0 and now != before)


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """When a device's points are worth a message."""

    expected_every_s: float = DEFAULT_EVERY_S
    """Something of the device is sent at least this often; a host calls it stale after three times that."""
    points: Mapping[str, PointReport] = field(default_factory=dict)
    """Metric → rule; what is not named is sent with every scan."""


def report_of(
    device_class: DeviceClass,
    points: Iterable[Point],
    writable: Iterable[str],
    wanted: Mapping[str, ReportConfig],
) -> DeviceReport:
    """The rules of a device: its class's, where its configuration (`wanted`, by metric) gives no other.

    Counters and measured values of a class without a dead-band are sent when they change.
    """
    judged = {metric for alarm in device_class.alarms for metric in (alarm.point, *alarm.while_)}
    always = judged | set(writable)
    rules = {
        point.metric: _rule(point, device_class, point.metric in always, wanted.get(point.metric))
        for point in points
    }
    return DeviceReport(device_class.expected_every_s, rules)


def _rule(
    point: Point, device_class: DeviceClass, is_always: bool, wanted: ReportConfig | None
) -> PointReport:
    is_number = point.type in (ValueType.DOUBLE, ValueType.INT64)
    band, is_share = point.dead_band if is_number else 0.0, False
    heartbeat_s = point.heartbeat_s or device_class.expected_every_s
    if wanted is not None:
        if wanted.dead_band is not None and is_number:
            band, is_share = wanted.band
        heartbeat_s = wanted.heartbeat_s or heartbeat_s
    return PointReport(band, is_share, heartbeat_s, is_always)
