"""What is wrong with the programs of a configuration, with the place of each fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge.config import Cause, GatewayConfig
from edge.programs.config import Program
from edge.programs.lamps import lamp_of
from edge.programs.plan import members, place_of
from telemetry.readings import ValueType

if TYPE_CHECKING:  # the binding asks here what is wrong
    from edge.decoding.binding import BoundDevice

_NUMBERS = (ValueType.DOUBLE, ValueType.INT32, ValueType.INT64)


def faults(config: GatewayConfig, devices: Sequence[BoundDevice]) -> list[Cause]:
    """Every fault of time zone, groups, calendars and programs."""
    by_id = {device.id: device for device in devices}
    names = {device.id for device in config.devices}
    causes = _zone(config) + [
        (("groups", group, place), f"no device {each!r}")
        for group, lamps in config.groups.items()
        for place, each in enumerate(lamps)
        if each not in names
    ]
    causes += [
        (("groups", group), "is the name of a device too") for group in config.groups if group in names
    ]
    owner: dict[str, str] = {}
    for number, program in enumerate(config.programs):
        path = ("programs", number)
        if program.id in {each.id for each in config.programs[:number]}:
            causes.append(((*path, "id"), f"{program.id!r} is given twice"))
        causes += _lamps(config, number, program, by_id, owner)
        causes += [
            ((*path, "nights", place, "calendar"), f"no calendar {night.calendar!r}")
            for place, night in enumerate(program.nights)
            if night.calendar and night.calendar not in config.calendars
        ]
        bound = [by_id[each] for each in members(config, program) if each in by_id]
        if program.needs_place and place_of(program, bound) is None:
            cause = "no lamp has latitude and longitude: give the program a `place` for the sun"
            causes.append(((*path, "place"), cause))
        causes += _sensor(number, program, by_id)
    return causes


def _zone(config: GatewayConfig) -> list[Cause]:
    try:
        ZoneInfo(config.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return [(("time_zone",), f"{config.time_zone!r} is no time zone, such as Asia/Ho_Chi_Minh")]
    return []


def _lamps(
    config: GatewayConfig,
    number: int,
    program: Program,
    devices: Mapping[str, BoundDevice],
    owner: dict[str, str],
) -> list[Cause]:
    names = {device.id for device in config.devices}
    causes: list[Cause] = []
    for place, name in enumerate(program.lamps):
        path = ("programs", number, "lamps", place)
        if name not in names and name not in config.groups:
            causes.append((path, f"no device and no group {name!r}"))
            continue
        for each in config.groups.get(name, [name]):
            if owner.setdefault(each, program.id) != program.id:
                causes.append((path, f"{each} is already in program {owner[each]!r}"))
            bound = devices.get(each)
            if bound is not None and lamp_of(bound) is None:
                causes.append((path, f"neither Lamp/On nor Lamp/Level of {each} can be written"))
    return causes


def _sensor(number: int, program: Program, devices: Mapping[str, BoundDevice]) -> list[Cause]:
    sensor = program.light_sensor
    if sensor is None:
        return []
    path = ("programs", number, "light_sensor")
    device = devices.get(sensor.device)
    if device is None:
        return [((*path, "device"), f"no device {sensor.device!r} on this gateway")]
    if device.instrument_of(sensor.point) is None:
        return [((*path, "point"), f"no instrument of {sensor.device} gives {sensor.point!r}")]
    if device.device_class.by_metric[sensor.point].type not in _NUMBERS:
        return [((*path, "point"), f"{sensor.point} is no number")]
    return []
