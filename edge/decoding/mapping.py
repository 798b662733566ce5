"""One instrument value onto one class point: units, bits, states, types; both ways."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from typing import Final

from edge.drivers.base import NativePoint
from edge.errors import NotWritable
from telemetry.devices.classes import Point
from telemetry.devices.profiles import Access, Canonical, Profile, Pulse
from telemetry.readings import Quality, Reading, Value, ValueType

_LARGEST: Final = {ValueType.INT32: 2**31 - 1, ValueType.INT64: 2**63 - 1, ValueType.DATETIME: 2**63 - 1}
"""What whole numbers can travel; all from 0."""


@dataclass(frozen=True, slots=True)
class Order:
    """One write to an instrument."""

    key: str
    """Point of the profile."""
    native: float | bool


@dataclass(frozen=True, slots=True)
class Mapping:
    """The way between a profile's point and a class's point."""

    key: str
    """Point of the profile that is read."""
    point: Point
    rule: Canonical
    write_key: str
    """Point of the profile that takes writes; empty where the metric cannot be written."""
    pulse: Pulse | None = None
    """The instrument's own timer for what is written."""
    _range: tuple[float, float] | None = field(init=False, repr=False, compare=False)
    """Where a measured quantity may lie; None where the value is not simply one."""
    _is_scaled: bool = field(init=False, repr=False, compare=False)
    _metric: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        is_quantity = self.point.type is ValueType.DOUBLE and self.rule.states is None
        widest = (-sys.float_info.max, sys.float_info.max)
        bounds = (self.point.range or widest) if is_quantity and self.rule.mask is None else None
        object.__setattr__(self, "_range", bounds)
        object.__setattr__(self, "_is_scaled", self.rule.factor != 1 or self.rule.offset != 0)
        object.__setattr__(self, "_metric", self.point.metric)

    @property
    def metric(self) -> str:
        """Metric name of the class point."""
        return self.point.metric

    def reading(self, device: str, native: NativePoint, time_ms: int) -> Reading:
        """The reading that `native` is for the device.

        A value that the class point cannot have is out of range and says why; it stays visible if it can
        travel.
        """
        number, bounds = native.value, self._range
        if (
            bounds is not None
            and native.quality is Quality.GOOD
            and (type(number) is float or type(number) is int)
        ):
            # The way of nearly every value: a number that only has to be scaled, and lies in its range.
            quantity = self._scaled(number) if self._is_scaled else float(number)
            if bounds[0] <= quantity <= bounds[1]:
                return Reading(device, self._metric, ValueType.DOUBLE, quantity, time_ms)
        quality, reason = native.quality, native.reason
        value = self._canonical(native.value)
        if native.value is not None and value is None and quality is Quality.GOOD:
            quality, reason = Quality.BAD, f"{native.value!r} is no {self.point.type.value}"
        elif value is None and quality is Quality.GOOD:
            quality, reason = Quality.BAD, "no value"
        elif fault := self.point.check(value) or self._too_large(value):
            quality = Quality.OUT_OF_RANGE if quality is Quality.GOOD else quality
            reason = reason or fault
            value = value if self._can_travel(value) else None
        return Reading(device, self.metric, self.point.type, value, time_ms, quality, reason)

    def _too_large(self, value: Value) -> str:
        return (
            ""
            if value is None or self._can_travel(value)
            else f"{value} does not fit {self.point.type.value}"
        )

    def _can_travel(self, value: Value) -> bool:
        largest = _LARGEST.get(self.point.type)
        return largest is None or (isinstance(value, int) and 0 <= value <= largest)

    def _canonical(self, native: Value) -> Value:
        if isinstance(native, str | None):
            return native if self.point.type is ValueType.STRING else None
        if not math.isfinite(native):
            return None
        number = native if isinstance(native, float) else int(native)
        if self.rule.states is not None:
            return self._state(number)
        if self.rule.mask is not None:
            number = int(number) & self.rule.mask
        if self._is_scaled:
            number = self._scaled(number)
        return self._typed(native, number) if math.isfinite(number) else None

    def _scaled(self, number: float) -> float:
        return float(f"{number * self.rule.factor + self.rule.offset:.15g}")

    def _state(self, number: float) -> Value:
        assert self.rule.states is not None
        state = next((each.state for each in self.rule.states if each.holds(number)), None)
        return bool(state) if self.point.type is ValueType.BOOLEAN and state is not None else state

    def _typed(self, native: Value, number: float) -> Value:
        if self.point.type is ValueType.STRING:
            return str(native)
        if self.point.type is ValueType.BOOLEAN:
            return number != 0
        return float(number) if self.point.type is ValueType.DOUBLE else round(number)

    def native(self, value: Value) -> float | bool:
        """The native value that brings the instrument to `value`.

        Raises:
            NotWritable: the metric cannot be written on this device, or not with this value.
        """
        if not self.point.writable or not self.write_key:
            raise NotWritable(f"{self.metric} cannot be written on this device")
        if value is None or isinstance(value, str):
            raise NotWritable(f"{self.metric} cannot become {value!r}")
        if fault := self.point.check(value):
            raise NotWritable(f"{self.metric}: {fault}")
        if self.rule.states is not None:
            for each in self.rule.states:
                if each.state == int(value) and each.write is not None:
                    return each.write
            orders = ", ".join(str(each.state) for each in self.rule.states if each.write is not None)
            raise NotWritable(f"{self.metric} can be ordered to {orders or 'no state'}, not {value}")
        if isinstance(value, bool):
            return value
        return float(f"{(value - self.rule.offset) / self.rule.factor:.12g}")

    def order(self, value: Value, hold_s: float | None = None) -> Order:
        """What to write to bring the instrument to `value`, by its own timer where `hold_s` is given.

        Raises:
            NotWritable: the metric cannot be written on this device, or not with this value.
        """
        native = self.native(value)
        if hold_s is None:
            return Order(self.write_key, native)
        key = self._timer_key(value)
        if self.pulse is None or not key:
            raise NotWritable(f"{self.metric} has no timer for {value!r}")
        return Order(key, max(1, round(hold_s / self.pulse.tick_s)))

    def timer_s(self, value: Value, profile: Profile) -> float | None:
        """The longest time for which the instrument itself can hold `value`; None where it has no timer."""
        key = self._timer_key(value)
        if self.pulse is None or not key:
            return None
        longest = profile.by_key[key].max
        return (0xFFFF if longest is None else longest) * self.pulse.tick_s

    def _timer_key(self, value: Value) -> str:
        if self.pulse is None or not isinstance(value, bool):
            return ""
        return self.pulse.holds_true if value else self.pulse.holds_false


def mapping_of(profile: Profile, key: str, rule: Canonical, point: Point) -> Mapping:
    """The mapping of a profile's point by `rule`."""
    target = profile.by_key[rule.write or key]
    can_write = point.writable and target.access is not Access.READ
    return Mapping(key, point, rule, target.key if can_write else "", target.pulse)
