"""Which instruments share a line, and whether they can."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.config import MODBUS_KINDS, BusConfig, InstrumentConfig
from edge.drivers.registry import MODBUS, find_driver, line_kind, places_of
from edge.errors import DriverError
from telemetry.devices.profiles import Profile


@dataclass(slots=True)
class Sharing:
    """Everything that was put on the lines of one gateway so far."""

    _units: dict[tuple[str, int, int], str] = field(default_factory=dict)
    _on_bus: dict[str, list[Profile]] = field(default_factory=dict)
    _places: dict[tuple[str, str], str] = field(default_factory=dict)

    def put(self, bus: BusConfig, config: InstrumentConfig, profile: Profile, unit: int) -> tuple[str, str]:
        """Put an instrument on its line.

        Modbus units are told apart by id, others by what their driver says. Returns field and cause of what
        forbids it; empty texts where it fits.
        """
        if profile.driver == MODBUS:
            if bus.kind not in MODBUS_KINDS:
                return "bus", f"{profile.id} cannot be read on a {bus.kind} bus"
            return self._put_unit(bus, config, profile, unit)
        try:
            kind, places = line_kind(find_driver(profile.driver)), places_of(profile)
        except DriverError as error:
            return "profile", str(error)
        if bus.kind != kind:
            return "bus", f"{profile.id} cannot be read on a {bus.kind} bus"
        return self._put_on_line(bus, profile, places)

    def _put_unit(
        self, bus: BusConfig, config: InstrumentConfig, profile: Profile, unit: int
    ) -> tuple[str, str]:
        place = (bus.id, unit, config.base)
        taken = self._units.get(place, "")
        self._units.setdefault(place, profile.id)
        others = self._on_bus.setdefault(bus.id, [])
        others.append(profile)
        if taken:
            where = "unit_id" if config.unit_id is not None else "bus"
            return where, f"unit {unit} on bus {bus.id!r} is already {taken}"
        if len(others) > 1 and any(each.limits.alone for each in others):
            loner = next(each.id for each in others if each.limits.alone)
            return "bus", f"{loner} answers to any unit id and must be alone on its bus"
        return "", ""

    def _put_on_line(self, bus: BusConfig, profile: Profile, places: tuple[str, ...]) -> tuple[str, str]:
        others = self._on_bus.setdefault(bus.id, [])
        first = others[0] if others else profile
        others.append(profile)
        if first is not profile and (not places or not places_of(first)):
            return "bus", f"bus {bus.id!r} already carries {first.id}"
        if first.driver != profile.driver and bus.kind != "gpio":
            return "bus", f"bus {bus.id!r} already carries {first.id}, which speaks another protocol"
        for place in places:
            if (bus.id, place) in self._places:
                return "options", f"{place} on bus {bus.id!r} is already {self._places[bus.id, place]}"
            self._places[bus.id, place] = profile.id
        return "", ""
