"""Whether a command may be carried out: pure checks against the device's class and configuration."""

from __future__ import annotations

import math
from typing import Final

from edge.commands.errors import CommandRejected
from edge.uplink.definitions import DeviceDefinition
from telemetry.commands import Command, CommandStatus
from telemetry.devices.classes import Point
from telemetry.readings import Value, ValueType

LONGEST_LIFE_MS: Final = 86_400_000
"""Ids are remembered for longer than this, so that none can act twice."""
_LONGEST_TEXT: Final = 1000


def permitted_value(device: DeviceDefinition, command: Command, now_ms: int) -> Value:
    """The value to write for `command`, in the type of its point.

    Raises:
        CommandRejected: the metric is unknown or cannot be written, the value has the wrong type or is out of
            range, or the command's time is over.
    """
    point = device.points.get(command.metric)
    if point is None:
        raise CommandRejected(f"{device.id} has no point {command.metric!r}")
    if not point.writable or command.metric not in device.writable:
        raise CommandRejected(f"{command.metric} of {device.id} cannot be written")
    value = _in_type_of(point, command.value)
    if value is None:
        raise CommandRejected(f"{command.metric}: a command needs a value")
    cause = point.check(value)
    if cause:
        raise CommandRejected(f"{command.metric}: {cause}")
    if isinstance(value, float) and not math.isfinite(value):
        raise CommandRejected(f"{command.metric}: {value} is no number")
    if isinstance(value, str) and (len(value) > _LONGEST_TEXT or not value.isprintable()):
        raise CommandRejected(f"{command.metric}: a text of at most {_LONGEST_TEXT} printable characters")
    if point.states is not None and value not in point.states:
        known = ", ".join(f"{code} {text.en}" for code, text in point.states.items())
        raise CommandRejected(f"{command.metric}: {value!r} is none of {known}")
    check_time(command, now_ms)
    return value


def check_time(command: Command, now_ms: int) -> None:
    """Raise `CommandRejected` if the command's time is over, or longer than ids are remembered."""
    if now_ms > command.expires_ms:
        late_s = (now_ms - command.expires_ms) / 1000
        raise CommandRejected(f"expired {late_s:.1f} s ago", CommandStatus.EXPIRED)
    if command.expires_ms > now_ms + LONGEST_LIFE_MS:
        raise CommandRejected("expires in more than a day: send it later")


def _in_type_of(point: Point, value: Value) -> Value:
    """`value` without loss in the point's type: plain tools know no difference between 1 and 1.0."""
    if point.type is ValueType.DOUBLE and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    is_whole = isinstance(value, float) and value.is_integer()
    if point.type in (ValueType.INT32, ValueType.INT64) and is_whole:
        return int(value)  # type: ignore[arg-type]
    return value
