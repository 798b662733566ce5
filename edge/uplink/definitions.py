"""What the session must know of a gateway and its devices to describe them in births."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.report.rules import DeviceReport
from telemetry.devices.classes import LimitAlarm, Point
from telemetry.devices.writing import WriteRule
from telemetry.readings import Value, ValueType
from telemetry.sparkplug import metrics as names

_NO_RULE: Final = WriteRule()
_COMMAND_METRICS: Final = {
    names.COMMAND_LAST_ID: ValueType.STRING,
    names.COMMAND_STATUS: ValueType.INT32,
    names.COMMAND_ERROR: ValueType.STRING,
}


@dataclass(frozen=True, slots=True)
class DeviceDefinition:
    """One device: what it is, and which points it can send."""

    id: str
    device_class: str
    class_version: int
    title: str
    model: str
    points: Mapping[str, Point] = field(default_factory=dict)
    """Metric name → point of the class, for every point that an instrument of the device maps to."""
    writable: frozenset[str] = frozenset()
    """Metrics that an instrument of the device takes writes for."""
    latitude: float | None = None
    longitude: float | None = None
    alarms: tuple[LimitAlarm, ...] = ()
    """Limits of the class; readings that pass them are kept longest."""
    report: DeviceReport | None = None
    """When a point is worth a message; None: with every scan."""
    rules: Mapping[str, WriteRule] = field(default_factory=dict)
    """Metric → how it may be written, from class, profile and configuration."""
    lockout: str = ""
    """Metric that tells that the device is under local control and must not be written."""

    def rule(self, metric: str) -> WriteRule:
        """How `metric` may be written."""
        return self.rules.get(metric, _NO_RULE)

    @property
    def metrics(self) -> dict[str, ValueType]:
        """Every metric that the device may ever send from the spool, with its type."""
        found = {name: point.type for name, point in self.points.items()}
        return found | _COMMAND_METRICS if self.writable else found

    @property
    def statics(self) -> dict[str, tuple[ValueType, Value]]:
        """Metrics that only births carry: what the device is and, where it stands still, its place."""
        found: dict[str, tuple[ValueType, Value]] = {
            names.DEVICE_CLASS: (ValueType.STRING, self.device_class),
            names.DEVICE_CLASS_VERSION: (ValueType.INT32, self.class_version),
            names.DEVICE_MODEL: (ValueType.STRING, self.model),
            names.DEVICE_TITLE: (ValueType.STRING, self.title),
        }
        for name, value in ((names.LATITUDE, self.latitude), (names.LONGITUDE, self.longitude)):
            if value is not None and name not in self.points:
                found[name] = (ValueType.DOUBLE, value)
        return found

    def identity(self) -> str:
        """What must be remembered to give birth to the device when the configuration has forgotten it."""
        return json.dumps(
            {
                "class": self.device_class,
                "version": self.class_version,
                "title": self.title,
                "model": self.model,
                "latitude": self.latitude,
                "longitude": self.longitude,
            },
            ensure_ascii=False,
        )


def remembered_device(device: str, identity: str) -> DeviceDefinition:
    """A device that the configuration does not name any more, from its remembered identity."""
    known = json.loads(identity or "{}")
    return DeviceDefinition(
        id=device,
        device_class=known.get("class", ""),
        class_version=known.get("version", 0),
        title=known.get("title", device),
        model=known.get("model", ""),
        latitude=known.get("latitude"),
        longitude=known.get("longitude"),
    )


@dataclass(frozen=True, slots=True)
class GatewayDefinition:
    """The gateway and all its devices."""

    area: str
    id: str
    devices: Mapping[str, DeviceDefinition]
    software: str = ""
