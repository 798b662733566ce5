"""Programs of a configuration, bound to their lamps, place and calendars."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from edge.programs.config import Place, Program
from edge.programs.lamps import Lamp, lamp_of
from edge.programs.schedule import Schedule, Sun
from edge.programs.sun import sun_time

if TYPE_CHECKING:  # the binding asks this package what is wrong
    from edge.config import GatewayConfig
    from edge.decoding.binding import BoundDevice


@dataclass(frozen=True)
class Plan:
    """A program that can be run."""

    program: Program
    schedule: Schedule
    lamps: tuple[Lamp, ...]
    offset_ms: int
    """By how much this gateway switches later than the program says, the same every day."""
    place: Place | None = None


def plans_of(
    config: GatewayConfig, devices: Mapping[str, BoundDevice], sun: Sun = sun_time
) -> tuple[Plan, ...]:
    """The programs of a configuration that has been checked."""
    return tuple(_plan(config, program, devices, sun) for program in config.programs)


def _plan(config: GatewayConfig, program: Program, devices: Mapping[str, BoundDevice], sun: Sun) -> Plan:
    bound = [devices[name] for name in members(config, program)]
    lamps = tuple(lamp for device in bound if (lamp := lamp_of(device)) is not None)
    zone = ZoneInfo(config.time_zone)
    place = place_of(program, bound)
    schedule = Schedule(program, config.calendars, place, zone=zone, sun=sun)
    spread_ms = round(program.spread_s * 1000)
    offset_ms = zlib.crc32(f"{config.gateway}/{program.id}".encode()) % (spread_ms + 1)
    return Plan(program, schedule, lamps, offset_ms, place)


def members(config: GatewayConfig, program: Program) -> list[str]:
    """Ids of the program's lamps, groups written out, each once."""
    names: dict[str, None] = {}
    for name in program.lamps:
        names |= dict.fromkeys(config.groups.get(name, [name]))
    return list(names)


def place_of(program: Program, devices: list[BoundDevice]) -> Place | None:
    """Where the program looks at the sun; None where nobody says."""
    if program.place is not None:
        return program.place
    for device in devices:
        if device.latitude is not None and device.longitude is not None and abs(device.latitude) <= 60:
            return Place(latitude=device.latitude, longitude=device.longitude)
    return None
