"""An instrument's value as the gateway will report it: onto the metric of the class, in the class's unit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulators.devices.instrument import Native
from simulators.wire.registers import measured
from telemetry.devices.classes import DeviceClass, Point
from telemetry.devices.profiles import Access, Canonical, Profile, ProfilePoint
from telemetry.readings import Value, ValueType


@dataclass(frozen=True, slots=True)
class Reported:
    """One metric that an instrument gives a device."""

    profile: Profile
    source: ProfilePoint
    rule: Canonical
    target: Point

    def value(self, native: Native) -> Value:
        """The metric's value; None where the class could not have it, which is then not reported."""
        seen = measured(self.profile, self.source, native)
        if isinstance(seen, str | None):
            return seen if self.target.type is ValueType.STRING else None
        value = self._typed(seen)
        return None if value is None or self.target.check(value) else value

    def _typed(self, seen: float | bool) -> Value:
        number = seen if isinstance(seen, float) else int(seen)
        if self.rule.states is not None:
            number_or_none = next((each.state for each in self.rule.states if each.holds(number)), None)
            if number_or_none is None:
                return None
            return bool(number_or_none) if self.target.type is ValueType.BOOLEAN else number_or_none
        if self.rule.mask is not None:
            number = int(number) & self.rule.mask
        if self.rule.factor != 1 or self.rule.offset != 0:
            number = float(f"{number * self.rule.factor + self.rule.offset:.15g}")
        if not math.isfinite(number):
            return None
        if self.target.type is ValueType.BOOLEAN:
            return number != 0
        return float(number) if self.target.type is ValueType.DOUBLE else round(number)


def reported_by(
    profile: Profile, chosen: dict[str, Canonical | None], device_class: DeviceClass
) -> list[Reported]:
    """What an instrument reports for a device of a class; `chosen` overrides the profile's own mapping."""
    rules: list[tuple[ProfilePoint, Canonical]] = []
    for point in profile.expanded:
        if point.access is Access.WRITE:
            continue
        if point.key not in chosen:
            rules += [(point, rule) for rule in point.mappings]
        elif (rule := chosen[point.key]) is not None:
            rules.append((point, rule))
    return [
        Reported(profile, point, rule, device_class.by_metric[rule.metric])
        for point, rule in rules
        if rule.metric in device_class.by_metric
    ]
