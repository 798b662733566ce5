"""What the devices of a load measure: points of a real class, values that follow from seed, device and time.

So whoever reads them in a store can say whether each is the one that was measured, without a record of it.
Values keep away from the limits of the class's alarms: a load is not an emergency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from telemetry.devices.classes import DeviceClass, LimitAlarm, Point
from telemetry.devices.texts import Text
from telemetry.readings import Value, ValueType
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.payload import DATATYPE_OF, DataType, Metric, Property

_MASK: Final = (1 << 64) - 1
_LATITUDE, _LONGITUDE = 10.93, 108.10


def mixed(*numbers: int) -> int:
    """A 64-bit number that looks like chance (the finishing steps of SplitMix64, one for each number)."""
    state = 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ state >> 27) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


@dataclass(frozen=True, slots=True)
class Measured:
    """One point and what it may show."""

    point: Point
    low: float = 0.0
    high: float = 1000.0
    choices: tuple[Value, ...] = ()
    """Of switches, states and texts."""

    def value(self, chance: int, time_ms: int) -> Value:
        """Its value, from a 64-bit number."""
        if self.choices:
            return self.choices[chance % len(self.choices)]
        if self.point.type is ValueType.DOUBLE and not self.point.counter:
            fraction = (chance >> 11) / (1 << 53)
            return round(self.low + fraction * (self.high - self.low), self.point.decimals)
        if self.point.type is ValueType.DOUBLE:
            return time_ms // 1000 % 1_000_000 / 10
        if self.point.counter:
            return time_ms // 1000
        return int(self.low) + chance % (int(self.high) - int(self.low) + 1)


@dataclass(frozen=True, slots=True)
class Shape:
    """What every device of a load has."""

    device_class: str
    version: int
    measured: tuple[Measured, ...]
    seed: int

    def values(self, gateway: int, device: int, time_ms: int) -> list[Value]:
        """The values of a scan, in the order of the points."""
        chance = mixed(self.seed, gateway, device, time_ms)
        return [
            each.value(chance * (2 * index + 1) * 0x9E3779B97F4A7C15 & _MASK, time_ms)
            for index, each in enumerate(self.measured)
        ]

    def scan(self, gateway: int, device: int, time_ms: int, *, is_historical: bool) -> tuple[Metric, ...]:
        """The metrics of a scan."""
        values = self.values(gateway, device, time_ms)
        return tuple(
            Metric(
                each.point.metric, DATATYPE_OF[each.point.type], value, time_ms, is_historical=is_historical
            )
            for each, value in zip(self.measured, values, strict=True)
        )

    def birth(self, gateway: int, device: int, scanned_ms: int | None, now_ms: int) -> tuple[Metric, ...]:
        """The metrics of a DBIRTH: what the device is, and its last values under their own time."""
        place = mixed(gateway, device)
        statics: Mapping[str, tuple[DataType, Value]] = {
            names.DEVICE_CLASS: (DataType.STRING, self.device_class),
            names.DEVICE_CLASS_VERSION: (DataType.INT32, self.version),
            names.DEVICE_MODEL: (DataType.STRING, "kega sim load"),
            names.DEVICE_TITLE: (DataType.STRING, f"Thiết bị thử tải {gateway}/{device}"),
            names.LATITUDE: (DataType.DOUBLE, _LATITUDE + place % 1000 / 10_000),
            names.LONGITUDE: (DataType.DOUBLE, _LONGITUDE + place // 1000 % 1000 / 10_000),
        }
        told = tuple(Metric(name, kind, value, now_ms) for name, (kind, value) in statics.items())
        values: list[Value] = [None] * len(self.measured)
        if scanned_ms is not None:
            values = self.values(gateway, device, scanned_ms)
        points = tuple(
            Metric(
                each.point.metric,
                DATATYPE_OF[each.point.type],
                value,
                now_ms if scanned_ms is None else scanned_ms,
                is_null=value is None,
                properties={names.UNIT: Property(DataType.STRING, each.point.unit)},
            )
            for each, value in zip(self.measured, values, strict=True)
        )
        return told + points


def shape_of(device_class: DeviceClass, metrics: int, seed: int) -> Shape:
    """`metrics` points: those of the class first, and `Load/Value N` where it has fewer."""
    points = device_class.points[:metrics]
    measured = [_quiet(point, device_class) for point in points]
    for number in range(len(points), metrics):
        title = Text(vi=f"Giá trị thử {number}", en=f"Load value {number}")
        measured.append(Measured(Point(metric=f"Load/Value {number}", type=ValueType.DOUBLE, title=title)))
    return Shape(device_class.id, device_class.version, tuple(measured), seed)


def _quiet(point: Point, device_class: DeviceClass) -> Measured:
    alarms = [alarm for alarm in device_class.alarms if alarm.point == point.metric]
    if point.type is ValueType.BOOLEAN:
        loud = {alarm.equals for alarm in alarms}
        if point.metric == device_class.lockout:
            loud.add(True)
        return Measured(point, choices=tuple(each for each in (False, True) if each not in loud))
    if point.type is ValueType.STRING:
        return Measured(point, choices=("thử tải",))
    if point.states:
        loud = {alarm.equals for alarm in alarms}
        return Measured(point, choices=tuple(code for code in point.states if code not in loud))
    low, high = point.range or (0.0, 1000.0)
    for alarm in alarms:
        low, high = _narrowed(low, high, alarm)
    if low < 0 and point.type is not ValueType.DOUBLE:
        low = 0.0
    return Measured(point, low, high)


def _narrowed(low: float, high: float, alarm: LimitAlarm) -> tuple[float, float]:
    """The band on the quiet side of a limit, as far as its hysteresis reaches."""
    if alarm.above is not None:
        return low, min(high, alarm.above if alarm.clear is None else alarm.clear)
    if alarm.below is not None:
        return max(low, alarm.below if alarm.clear is None else alarm.clear), high
    return low, high
