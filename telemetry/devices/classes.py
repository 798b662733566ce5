"""Device classes: the canonical points of a kind of device, declared once for edge, cloud and boards.

A class is a file in firmware-configs/classes/. A point's metric name never changes; its field name in the
store is derived from it (`Air/PM2 5` → `air_pm2_5`).
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from telemetry.devices.texts import METRIC_NAME, Text
from telemetry.devices.writing import WriteRule
from telemetry.errors import ClassError, Problem
from telemetry.readings import Value, ValueType
from telemetry.yaml_files import load_yaml

__all__ = [
    "METRIC_NAME",
    "DeviceClass",
    "LimitAlarm",
    "Point",
    "Severity",
    "Text",
    "field_name",
    "load_class",
    "load_classes",
]


def field_name(metric: str) -> str:
    """The field (column) of a metric in the stores and the API: `Power/Active` → `power_active`."""
    return re.sub(r"[^a-z0-9]+", "_", metric.lower()).strip("_")


class Severity(StrEnum):
    """How much an alarm matters (ISA-18.2 priorities)."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    INFO = "info"


class Point(BaseModel):
    """One canonical point of a class."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: Annotated[str, Field(pattern=METRIC_NAME)]
    type: ValueType
    unit: str = "1"
    """UCUM code."""
    title: Text
    range: tuple[float, float] | None = None
    """Smallest and largest value that is physically possible; outside it a value is bad."""
    counter: bool = False
    """A total that only grows, but for restarts of the instrument."""
    writable: bool = False
    states: dict[int, Text] | None = None
    """Names of an enumeration's values."""
    decimals: int = Field(default=1, ge=0, le=7)
    """Digits to show behind the decimal sign."""
    headline: bool = False
    """Shown first: on the map, in lists and on the overview board."""
    dead_band: float = Field(default=0, ge=0)
    """A change smaller than this need not be reported."""
    heartbeat_s: float | None = Field(default=None, gt=0)
    """Reported at least this often, changed or not; the class's `expected_every_s` where it is left out."""
    write: WriteRule = WriteRule()
    """How the point may be written, and when a write counts as done."""

    @cached_property
    def field(self) -> str:
        """Name of the column in the stores and the API."""
        return field_name(self.metric)

    def check(self, value: Value) -> str:
        """Why `value` cannot be a value of this point; empty where it can."""
        if value is None:
            return ""
        if not _fits(self.type, value):
            return f"{value!r} is no {self.type.value}"
        if self.range is not None and not isinstance(value, str):
            low, high = self.range
            if not low <= float(value) <= high:
                return f"{value:g} {self.unit} is outside {low:g} … {high:g}"
        return ""


def _fits(kind: ValueType, value: Value) -> bool:
    match kind:
        case ValueType.BOOLEAN:
            return isinstance(value, bool)
        case ValueType.INT32 | ValueType.INT64 | ValueType.DATETIME:
            return isinstance(value, int) and not isinstance(value, bool) and value >= 0
        case ValueType.DOUBLE:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ValueType.STRING:
            return isinstance(value, str)


class LimitAlarm(BaseModel):
    """A fast-lane rule: a point beyond a limit for some time, with hysteresis."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    point: str
    """Metric name."""
    above: float | None = None
    below: float | None = None
    equals: bool | int | None = None
    clear: float | None = None
    """Level at which the alarm ends; the limit itself where it is left out (no hysteresis)."""
    while_: dict[str, bool | int] = Field(default={}, alias="while")
    """Other points of the same device that must have these values for the rule to judge at all."""
    for_s: float = Field(default=0, ge=0)
    """How long the condition must hold, in seconds of the readings' own time."""
    severity: Severity
    text: Text
    """What is wrong; `{value}` and `{limit}` are replaced."""
    advice: Text
    """What to do."""

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if sum(limit is not None for limit in (self.above, self.below, self.equals)) != 1:
            raise ValueError("needs exactly one of above, below, equals")
        return self


class DeviceClass(BaseModel):
    """What every device of a kind offers."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    id: Annotated[str, Field(alias="class", pattern=r"^[a-z][a-z0-9_]*$")]
    version: int = Field(ge=1)
    title: Text
    northbound: str
    """Smart Data Models entity type of the northbound interface."""
    icon: str = "sensors"
    """Name of a Material icon for map and lists."""
    expected_every_s: float = Field(gt=0)
    """A device that says nothing for three times this long is stale."""
    points: list[Point] = Field(min_length=1)
    alarms: list[LimitAlarm] = []
    lockout: str = ""
    """Yes/no metric that tells, where a device has it, that somebody works there: nothing is written then."""

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        metrics = [point.metric for point in self.points]
        for kind, names in (("point", metrics), ("alarm", [alarm.id for alarm in self.alarms])):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{kind} declared twice: {', '.join(sorted(twice))}")
        for alarm in self.alarms:
            for metric in (alarm.point, *alarm.while_):
                if metric not in metrics:
                    raise ValueError(f"alarm {alarm.id}: {metric!r} is no point of this class")
        if self.lockout and self.lockout not in metrics:
            raise ValueError(f"lockout: {self.lockout!r} is no point of this class")
        for point in self.points:
            for lock in point.write.interlocks:
                if lock.condition.point not in metrics:
                    raise ValueError(
                        f"{point.metric}: interlock on {lock.condition.point!r}, no point of this class"
                    )
                if lock.condition.device:
                    raise ValueError(f"{point.metric}: an interlock of a class cannot name a device")
        return self

    @cached_property
    def by_metric(self) -> dict[str, Point]:
        """Points by metric name."""
        return {point.metric: point for point in self.points}

    @cached_property
    def by_field(self) -> dict[str, Point]:
        """Points by field name."""
        return {point.field: point for point in self.points}


def load_class(file: Path) -> DeviceClass:
    """The class in `file`.

    Raises:
        ClassError: the file is wrong; names line and field of every fault.
    """
    device_class = load_yaml(file, DeviceClass, ClassError)
    if device_class.id != file.stem:
        raise ClassError(
            file, [Problem(1, "class", f"{device_class.id!r} is not the file's name {file.stem!r}")]
        )
    return device_class


def load_classes(folder: Path) -> dict[str, DeviceClass]:
    """All classes of `folder`, by id. Raises `ClassError` as `load_class`."""
    return {file.stem: load_class(file) for file in sorted(folder.glob("*.yaml"))}
