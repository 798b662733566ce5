"""How points may be written, as class, profile and configuration say together; and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edge.config import Cause, DeviceConfig, GatewayConfig
from telemetry.devices.profiles import Access
from telemetry.devices.writing import WriteRule, joined
from telemetry.readings import ValueType

if TYPE_CHECKING:  # the binding asks here what is wrong
    from edge.decoding.binding import BoundDevice


def write_rules(device: BoundDevice, config: DeviceConfig) -> dict[str, WriteRule]:
    """Metric → rule, for every point that can be written on `device`.

    An interlock of the class counts where the device has the point that it looks at; one of the configuration
    always counts.
    """
    known = {point.metric for point in device.points}
    rules = {}
    for metric in device.writable:
        instrument = device.instrument_of(metric)
        profile = instrument.by_metric[metric].rule.rule if instrument is not None else WriteRule()
        common = device.device_class.by_metric[metric].write
        locks = tuple(each for each in common.interlocks if each.condition.point in known)
        given = config.commands.get(metric, WriteRule())
        settle = WriteRule(settle_s=config.settle_s.get(metric))
        rules[metric] = joined(common.model_copy(update={"interlocks": locks}), profile, settle, given)
    return rules


def faults(config: GatewayConfig, devices: Sequence[BoundDevice]) -> list[Cause]:
    """What is wrong with `settle_s`, `commands` and `lockout` of the configuration's devices."""
    by_id = {device.id: device for device in devices}
    causes: list[Cause] = []
    for number, each in enumerate(config.devices):
        device = by_id.get(each.id)
        if device is None:
            continue
        path = ("devices", number)
        for field in ("settle_s", "commands"):
            for metric in getattr(each, field):
                if metric not in device.writable:
                    known = ", ".join(sorted(device.writable)) or "nothing"
                    cause = f"{metric!r} cannot be written on {each.id}; {known} can"
                    causes.append(((*path, field, metric), cause))
        causes += [
            ((*path, "commands", metric, "interlocks", place), cause)
            for metric, rule in each.commands.items()
            for place, lock in enumerate(rule.interlocks)
            if (cause := _missing(by_id, lock.condition.device or each.id, lock.condition.point))
        ]
        causes += _fail_safes(path, each, device)
        if each.lockout:
            cause = _missing(by_id, each.id, each.lockout)
            point = device.device_class.by_metric.get(each.lockout)
            if not cause and point is not None and point.type is not ValueType.BOOLEAN:
                cause = f"{each.lockout} is no yes/no point"
            if cause:
                causes.append(((*path, "lockout"), cause))
    return causes


def _fail_safes(path: tuple[int | str, ...], config: DeviceConfig, device: BoundDevice) -> list[Cause]:
    if len(device.instruments) != len(config.instruments):  # one of them could not be bound: told elsewhere
        return []
    causes: list[Cause] = []
    for number, (given, bound) in enumerate(zip(config.instruments, device.instruments, strict=True)):
        for key, value in given.fail_safe.items():
            point = bound.profile.by_key.get(key)
            place = (*path, "instruments", number, "fail_safe", key)
            if point is None or point.access is not Access.READ_WRITE:
                causes.append((place, f"{bound.profile.id} has no point {key!r} that is written and read"))
            elif (point.min is not None and value < point.min) or (
                point.max is not None and value > point.max
            ):
                causes.append((place, f"{value:g} {point.unit} is out of the point's range"))
    return causes


def _missing(devices: Mapping[str, BoundDevice], device: str, metric: str) -> str:
    bound = devices.get(device)
    if bound is None:
        return f"no device {device!r} on this gateway"
    if bound.instrument_of(metric) is None:
        return f"no instrument of {device} gives {metric!r}"
    return ""
