"""Which instruments share a line, and whether they can."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge.config import MODBUS_KINDS, BusConfig, InstrumentConfig
from edge.decoding.mapping import Mapping
from edge.drivers.registry import MODBUS, find_driver, line_kind, places_of
from edge.errors import DriverError
from telemetry.devices.profiles import Profile


@dataclass(frozen=True, slots=True)
class _Owned:
    """A point of a Modbus unit that a device has."""

    device: str
    on_purpose: bool
    """Whether the configuration names it, so that it is no copy by mistake."""


@dataclass(slots=True)
class Sharing:
    """Everything that was put on the lines of one gateway so far."""

    _units: dict[tuple[str, int, int], str] = field(default_factory=dict)
    _points: dict[tuple[str, int, int, str], _Owned] = field(default_factory=dict)
    _loners: set[tuple[str, int]] = field(default_factory=set)
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
        taken = self._units.setdefault(place, profile.id)
        if taken != profile.id:
            where = "unit_id" if config.unit_id is not None else "bus"
            return where, f"unit {unit} on bus {bus.id!r} is already {taken}"
        others = {number: each for (on, number, _), each in self._units.items() if on == bus.id}
        self._loners |= {(bus.id, unit)} if profile.limits.alone else set()
        loners = [number for on, number in self._loners if on == bus.id]
        if len(others) > 1 and loners:
            cause = f"{others[loners[0]]} answers to any unit id and must be alone on its bus"
            return "bus", cause
        return "", ""

    def take(
        self, config: InstrumentConfig, unit: int, device: str, profile: Profile, mappings: Iterable[Mapping]
    ) -> str:
        """Give a device the points of a Modbus unit that it maps; several devices may share a unit so.

        Poles on one relay board have a relay each; what can be written belongs to one device, and what is
        read by several must be named in the `map` of each. Returns the cause of what forbids it.
        """
        for mapping in mappings:
            on_purpose = mapping.key in config.map
            for key in dict.fromkeys(key for key in (mapping.key, mapping.write_key) if key):
                place = (config.bus, unit, config.base, key)
                other = self._points.setdefault(place, _Owned(device, on_purpose))
                is_shared = on_purpose and other.on_purpose and not mapping.write_key
                if other.device != device and not is_shared:
                    return (
                        f"unit {unit} on bus {config.bus!r} is already {profile.id} of {other.device}: "
                        f"both have {key}; give each device its own points with `map`"
                    )
        return ""

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
