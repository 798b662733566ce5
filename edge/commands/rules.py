"""Whether a command may be carried out: pure checks against the device's class and configuration."""

from __future__ import annotations

import math
from typing import Final

from edge.commands.errors import CommandRejected
from edge.commands.lifetime import LONGEST_LIFE_S, Due, Moment
from edge.uplink.definitions import DeviceDefinition
from telemetry.commands import Command
from telemetry.devices.classes import Point
from telemetry.devices.writing import Interlock, WriteRule
from telemetry.readings import Value, ValueType

_LONGEST_TEXT: Final = 1000


def permitted_value(device: DeviceDefinition, command: Command) -> Value:
    """The value to write for `command`, in the type of its point.

    Raises:
        CommandRejected: the metric is unknown or cannot be written, the value has the wrong type, is out of
            range or between two steps, or the command does not end as it must.
    """
    point = device.points.get(command.metric)
    if point is None:
        raise CommandRejected(f"{device.id} has no point {command.metric!r}")
    if not point.writable or command.metric not in device.writable:
        raise CommandRejected(f"{command.metric} of {device.id} cannot be written")
    value = _in_type_of(point, command.value)
    rule = device.rule(command.metric)
    cause = _fault(point, rule, value) or _time_fault(rule, command)
    if cause:
        raise CommandRejected(f"{command.metric}: {cause}")
    return value


def _fault(point: Point, rule: WriteRule, value: Value) -> str:
    if value is None:
        return "a command needs a value"
    if cause := point.check(value):
        return cause
    if point.states is not None and value not in point.states:
        known = ", ".join(f"{code} {text.en}" for code, text in point.states.items())
        return f"{value!r} is none of {known}"
    if isinstance(value, str):
        fits = len(value) <= _LONGEST_TEXT and value.isprintable()
        return "" if fits else f"a text of at most {_LONGEST_TEXT} printable characters"
    return _number_fault(point, rule, value)


def _number_fault(point: Point, rule: WriteRule, value: float) -> str:
    if not math.isfinite(value):
        return f"{value} is no number"
    if rule.range is not None and not rule.range[0] <= value <= rule.range[1]:
        return (
            f"{value:g} {point.unit} is outside {rule.range[0]:g} … {rule.range[1]:g}, allowed on this device"
        )
    return _step_fault(point, rule, value)


def _step_fault(point: Point, rule: WriteRule, value: float) -> str:
    if rule.step is None or isinstance(value, bool):
        return ""
    low = (rule.range or point.range or (0.0, 0.0))[0]
    steps = (value - low) / rule.step
    if abs(steps - round(steps)) <= 1e-6:
        return ""
    return f"{value:g} is no whole step of {rule.step:g} from {low:g}"


def _time_fault(rule: WriteRule, command: Command) -> str:
    after_s = command.revert_after_s
    if after_s is None:
        if rule.longest_s is None:
            return ""
        return f"must end by itself: give revert_after_s, at most {rule.longest_s:g}"
    longest_s = LONGEST_LIFE_S if rule.longest_s is None else rule.longest_s
    if not 0 < after_s <= longest_s:
        return f"revert_after_s {after_s:g} is outside 0 … {longest_s:g}"
    return ""


def interlock_fault(lock: Interlock, value: Value, seen: Value) -> str:
    """Why `lock` forbids to write `value` while the point that it looks at shows `seen`; else empty."""
    if lock.writing is not None and not lock.writing.hold(value):
        return ""
    condition = lock.condition
    if seen is None:
        return f"{condition.point} has had no good value for {condition.max_age_s:g} s: {words(lock)}"
    return "" if lock.allows(seen) else f"{words(lock)} [{condition.point} = {seen}]"


def words(lock: Interlock) -> str:
    """The interlock's reason in both languages."""
    return f"{lock.text.vi} / {lock.text.en}"


def rest_s(rule: WriteRule, last: Due | None, now: Moment) -> float:
    """Seconds until the point may be moved again; `last` tells when it was moved before.

    After a restart of the machine without a known time, as long has passed as the machine runs.
    """
    if last is None or not rule.min_interval_s:
        return 0.0
    left_s = last.left_s(now)
    passed_s = now.monotonic_s if left_s is None else -left_s
    return max(0.0, rule.min_interval_s - max(0.0, passed_s))


def _in_type_of(point: Point, value: Value) -> Value:
    """`value` without loss in the point's type: plain tools know no difference between 1 and 1.0."""
    if point.type is ValueType.DOUBLE and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    is_whole = isinstance(value, float) and value.is_integer()
    if point.type in (ValueType.INT32, ValueType.INT64) and is_whole:
        return int(value)  # type: ignore[arg-type]
    return value
