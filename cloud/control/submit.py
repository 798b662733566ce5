"""Taking up a command: everything that can be known to be wrong is refused here, with the reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Protocol

from cloud.control.ids import new_id
from cloud.errors import NotFound, Refused
from cloud.registry.port import Admission, CommandRecord, CommandState, DeviceRecord
from telemetry.clock import Clock, SystemClock
from telemetry.devices.classes import DeviceClass, Point
from telemetry.readings import Value, ValueType

SHORTEST_TTL_S: Final = 1.0
LONGEST_TTL_S: Final = 86_400.0
"""A day: the gateway remembers ids at least that long, so nothing can act twice (rule X-CMD-3)."""
LONGEST_TEXT: Final = 1_000
"""Characters of a text value or a reason."""
_LARGEST: Final = {ValueType.INT32: 2**31 - 1, ValueType.INT64: 2**63 - 1, ValueType.DATETIME: 2**63 - 1}


class InvalidValue(Refused):
    """The command's own figures are wrong: value, lifetime or reason."""


class CommandBook(Protocol):
    """The calls of the registry that taking up a command needs."""

    def device(self, device: str) -> DeviceRecord | None: ...
    def add_command(self, command: CommandRecord) -> None: ...


def submit(
    registry: CommandBook,
    classes: Mapping[str, DeviceClass],
    device: str,
    point: str,
    value: Value,
    *,
    issuer: str,
    reason: str = "",
    ttl_s: float = 30.0,
    revert_after_s: float | None = None,
    clock: Clock | None = None,
) -> CommandRecord:
    """Check the command and commit it; the dispatcher sends it within a quarter of a second. Blocking.

    `point` is a field (`lamp_on`) or a metric name (`Lamp/On`). `issuer` is the person or program that asks.
    `revert_after_s` lets the gateway take the command back by itself so long after the write.

    Raises:
        NotFound: there is no such device, or its class has no such point.
        InvalidValue: the value does not fit the point, or the lifetime is out of bounds.
        Refused: the device takes no commands now, or the point is not writable.
        RegistryUnavailable: nothing was taken up; ask again.
    """
    record = registry.device(device)
    if record is None:
        raise NotFound(f"no device {device[:60]!r}: look it up in the list of devices")
    target = _target(record, classes, point)
    now_ms = (clock or SystemClock()).now_ms()
    if not SHORTEST_TTL_S <= ttl_s <= LONGEST_TTL_S:
        raise InvalidValue(
            f"lifetime {ttl_s:g} s is out of bounds: use {SHORTEST_TTL_S:g} … {LONGEST_TTL_S:g} s"
        )
    if revert_after_s is not None and not SHORTEST_TTL_S <= revert_after_s <= LONGEST_TTL_S:
        raise InvalidValue(
            f"revert_after_s {revert_after_s:g} is out of bounds: use {SHORTEST_TTL_S:g} … {LONGEST_TTL_S:g}"
        )
    if len(reason) > LONGEST_TEXT:
        raise InvalidValue(f"the reason has {len(reason)} characters: use at most {LONGEST_TEXT}")
    command = CommandRecord(
        id=new_id(now_ms),
        area=record.area,
        gateway=record.gateway,
        device=record.id,
        metric=target.metric,
        field=target.field,
        type=target.type.value,
        value=_checked(record.id, target, value),
        issuer=issuer,
        reason=reason,
        state=CommandState.ASKED,
        error="",
        asked_ms=now_ms,
        sent_ms=None,
        ended_ms=None,
        expires_ms=now_ms + round(ttl_s * 1000),
        attempts=0,
        revert_after_s=revert_after_s,
    )
    registry.add_command(command)
    return command


def _target(device: DeviceRecord, classes: Mapping[str, DeviceClass], name: str) -> Point:
    if device.admission is not Admission.ACCEPTED:
        raise Refused(
            f"device {device.id} is {device.admission.value} and takes no commands: accept it first"
        )
    device_class = classes.get(device.device_class)
    if device_class is None:
        raise Refused(
            f"device {device.id} is of the class {device.device_class}, which has no writable points: "
            "give it a class in its gateway's configuration"
        )
    point = device_class.by_field.get(name) or device_class.by_metric.get(name)
    if point is None:
        raise NotFound(f"class {device_class.id} has no point {name[:60]!r}")
    if not point.writable:
        raise Refused(f"{point.metric} of {device.id} is a measurement and cannot be written")
    if all(declared.metric != point.metric for declared in device.points):
        raise Refused(
            f"device {device.id} has no {point.metric}: its gateway did not declare it. "
            "Map it in the gateway's configuration"
        )
    return point


def _checked(device: str, point: Point, value: Value) -> Value:
    """The value as its point's type."""
    if value is None:
        raise InvalidValue(f"{point.metric} of {device} needs a value")
    if point.type is ValueType.DOUBLE and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidValue(f"{point.metric} of {device}: {value} is no number")
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise InvalidValue(f"{point.metric} of {device}: the text is longer than {LONGEST_TEXT} characters")
    fault = point.check(value)
    if fault:
        raise InvalidValue(f"{point.metric} of {device}: {fault}")
    if not isinstance(value, bool | str) and value > _LARGEST.get(point.type, math.inf):
        raise InvalidValue(f"{point.metric} of {device}: {value} is too large for {point.type.value}")
    if point.states is not None and value not in point.states:
        allowed = ", ".join(f"{code} ({text.en})" for code, text in sorted(point.states.items()))
        raise InvalidValue(f"{point.metric} of {device}: {value} is none of {allowed}")
    return value
