"""Whether a metric's value may be stored as a point of its class, and what it is then."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from cloud.ingest.faults import Fault, Reason
from cloud.registry.port import PointRecord
from cloud.store.checks import MAX_INTEGER, MAX_TEXT_BYTES, is_field
from telemetry.devices.classes import DeviceClass, field_name
from telemetry.readings import Quality, Value, ValueType
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.payload import DataType, Unsupported

NOT_BEFORE_MS: Final = 1_577_836_800_000
"""2020-01-01: before it no gateway's clock was set."""
MAX_AHEAD_MS: Final = 10 * 60_000
"""A time further in the future is a wrong clock, not a reading."""

_INT32_SIGN: Final = 1 << 31
_INT64_SIGN: Final = 1 << 63
_SIGNED_32: Final = frozenset({DataType.INT8, DataType.INT16, DataType.INT32})


@dataclass(frozen=True, slots=True)
class Rule:
    """What one metric of a device must be, compiled from its point for the hot path."""

    metric: str
    field: str
    kind: ValueType
    low: float = -sys.float_info.max
    high: float = sys.float_info.max
    exact: type[bool | int | float] | None = None
    """The Python type whose values within low and high need no closer look."""

    @classmethod
    def of(cls, metric: str, field: str, kind: ValueType, bounds: tuple[float, float] | None) -> Self:
        """The rule of a point; infinity is never within its bounds."""
        low, high = bounds or (-sys.float_info.max, sys.float_info.max)
        exact = _EXACT.get(kind)
        if exact is int:
            low, high = max(low, 0), min(high, MAX_INTEGER)
        return cls(metric, field, kind, low, high, exact)


class Checked(NamedTuple):
    """A value to store."""

    value: Value
    quality: Quality
    reason: str = ""
    """Why the value is bad although the sender called it good."""


_EXACT: Final[Mapping[ValueType, type[bool | int | float]]] = {
    ValueType.BOOLEAN: bool,
    ValueType.INT32: int,
    ValueType.INT64: int,
    ValueType.DATETIME: int,
    ValueType.DOUBLE: float,
}


COMMAND_RULES: Final = {
    metric: Rule(metric, field_name(metric), kind)
    for metric, kind in (
        (names.COMMAND_LAST_ID, ValueType.STRING),
        (names.COMMAND_STATUS, ValueType.INT32),
        (names.COMMAND_ERROR, ValueType.STRING),
    )
}
"""What gateways report of commands is stored beside the values, so that a board can show both."""


def class_rules(device_class: DeviceClass) -> dict[str, Rule]:
    """Rules of a class, by metric."""
    return COMMAND_RULES | {
        point.metric: Rule.of(point.metric, point.field, point.type, point.range)
        for point in device_class.points
    }


def generic_rules(points: Iterable[PointRecord]) -> dict[str, Rule]:
    """Rules for a device of no known class, from the points of its birth.

    Such devices share one table, where each column has one type for all of them: their numbers are stored as
    floats. Points whose name gives no usable field, or one already taken by another point, have no rule.
    """
    rules = dict(COMMAND_RULES)
    taken = {rule.field for rule in rules.values()}
    for point in points:
        if not is_field(point.field) or point.field in taken:
            continue
        taken.add(point.field)
        kind = ValueType(point.type)
        stored = kind if kind in (ValueType.BOOLEAN, ValueType.STRING) else ValueType.DOUBLE
        rules[point.metric] = Rule.of(point.metric, point.field, stored, None)
    return rules


def check_time(time_ms: int | None, now_ms: int) -> str:
    """Why a reading cannot be of `time_ms`; empty where it can."""
    if time_ms is None:
        return "has no time"
    if time_ms < NOT_BEFORE_MS:
        return f"time {time_ms} is before 2020: the gateway's clock was not set"
    if time_ms > now_ms + MAX_AHEAD_MS:
        return f"time {time_ms} is {(time_ms - now_ms) // 1000} s in the future: the gateway's clock is wrong"
    return ""


def check_value(rule: Rule, value: Value | Unsupported, quality: Quality) -> Checked | Fault:
    """`value` as `rule` wants it.

    A value of the wrong type is a fault. One that is outside the physical range is stored with quality
    OUT_OF_RANGE, what is no number as unknown and BAD: it tells of a broken sensor, and must neither be lost
    nor believed.
    """
    if value is None:
        return Checked(None, Quality.BAD if quality is Quality.GOOD else quality)
    if isinstance(value, Unsupported) or not _fits(rule.kind, value):
        return Fault(Reason.WRONG_TYPE, f"{rule.metric}: {str(value)[:80]!r} is no {rule.kind.value}")
    if isinstance(value, str):
        if len(value.encode()) > MAX_TEXT_BYTES:
            return Fault(Reason.TOO_LARGE, f"{rule.metric}: a text of {len(value)} characters")
        return Checked(value, quality)
    if isinstance(value, bool):
        return Checked(value, quality)
    return _number(rule, float(value) if rule.kind is ValueType.DOUBLE else value, quality)


def _fits(kind: ValueType, value: Value) -> bool:
    if kind is ValueType.BOOLEAN or isinstance(value, bool):
        return kind is ValueType.BOOLEAN and isinstance(value, bool)
    if kind is ValueType.STRING:
        return isinstance(value, str)
    if kind is ValueType.DOUBLE:
        return isinstance(value, int | float)
    return isinstance(value, int) and 0 <= value <= MAX_INTEGER


def _number(rule: Rule, value: int | float, quality: Quality) -> Checked:
    if rule.low <= value <= rule.high:
        return Checked(value, quality)
    if not math.isfinite(value):
        return Checked(None, Quality.BAD, f"{value} is no number")
    return Checked(value, Quality.OUT_OF_RANGE, f"outside {rule.low:g} … {rule.high:g}")


def with_sign(value: Value | Unsupported, declared: DataType | None) -> Value | Unsupported:
    """`value` of a metric that was sent without its datatype, read by the one that the birth declared."""
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    if declared in _SIGNED_32 and _INT32_SIGN <= value < 2 * _INT32_SIGN:
        return value - 2 * _INT32_SIGN
    if declared is DataType.INT64 and value >= _INT64_SIGN:
        return value - 2 * _INT64_SIGN
    return value


def rules_of_classes(classes: Mapping[str, DeviceClass]) -> dict[str, dict[str, Rule]]:
    """Rules of every class, by class and metric."""
    return {name: class_rules(device_class) for name, device_class in classes.items()}
