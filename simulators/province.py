"""A province put together: plants, the instruments on them, and the lines that the instruments hang on."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from simulators.devices.catalogue import SLAVES, TALKERS, Mounted, Mounting, Plant
from simulators.devices.instrument import Instrument, Native
from simulators.devices.settings import Readdress
from simulators.errors import FaultError, SimConfigError, SimError
from simulators.faults import Fault, Faults, Kind, Owners, kind_named
from simulators.inputs import make_world
from simulators.plants.field import Field
from simulators.plants.lamp import Lamp
from simulators.plants.main import WaterMain
from simulators.plants.station import AirStation
from simulators.plants.truck import Truck
from simulators.settings import (
    InstrumentSettings,
    RtuLineSettings,
    SimDeviceSettings,
    SimSettings,
    TcpLineSettings,
)
from simulators.wire.lines import Line
from simulators.wire.modbus_lines import RtuLine, TcpLine
from simulators.wire.registers import InstrumentRegisters
from simulators.wire.serial_line import SerialLine, Talker
from simulators.wire.unit import GarbageRegisters, StickyInstrument, Unit
from simulators.world.routes import Route, read_routes
from simulators.world.world import World
from telemetry.clock import Clock
from telemetry.devices.library import Library
from telemetry.devices.profiles import Profile
from telemetry.errors import Problem

_Place: TypeAlias = tuple[str, int]
"""Line and unit id; unit 0 on serial lines."""
_Placed: TypeAlias = tuple[SimDeviceSettings, InstrumentSettings]
_NEEDED: Final[Mapping[Kind, Set[str]]] = {
    Kind.LATE: SLAVES.keys(),
    Kind.EXCEPTION: SLAVES.keys(),
    Kind.DOOR_OPEN: {"waveshare_relay8"},
    Kind.NO_ECHO: {"tuf2000m"},
    Kind.VALVE_STUCK: {"belimo_mod_actuator"},
}
"""Profiles of which a device must have one for a fault to be seen."""
_OF_INSTRUMENTS: Final = (Kind.DEAD, Kind.STUCK, Kind.CRC, Kind.LATE, Kind.EXCEPTION, Kind.GARBAGE)


class _Readable(Protocol):
    def values(self, time_s: float) -> Mapping[str, Native]:
        """All that it measures, by the keys of its profile."""
        ...


class _Talking(Talker, _Readable, Protocol):
    """An instrument on a serial line of its own."""


@dataclass(frozen=True, slots=True)
class Readout:
    """One instrument as a part of one device, for those who want its values without a line."""

    device: SimDeviceSettings
    settings: InstrumentSettings
    profile: Profile
    instrument: _Readable

    def values(self, time_s: float) -> Mapping[str, Native]:
        """All that it measures, by the keys of its profile."""
        return self.instrument.values(time_s)


class Province:
    """Everything that one simulator serves."""

    def __init__(self, settings: SimSettings, library: Library, clock: Clock) -> None:
        """Put the province together; nothing is opened yet.

        Raises:
            KegaError: a profile, CSV or route file is wrong, or an instrument does not fit its device.
        """
        self.settings = settings
        self.clock = clock
        self.world: World = make_world(settings)
        self.faults = Faults({device.id: device.device_class for device in settings.devices})
        self.lines: dict[str, Line] = {}
        self.readouts: list[Readout] = []
        self._library = library
        self._routes: dict[str, Route] | None = None
        self._checksummed: set[str] = set()
        self._sharing: set[str] = set()
        self.plants = {device.id: self._plant(device) for device in settings.devices}
        self._mount_all()

    def devices_of(self, target: str) -> list[str]:
        """The devices that a fault's target means: one device, or all of a gateway. Raises FaultError."""
        of_gateway = [device.id for device in self.settings.devices if device.gateway == target]
        if of_gateway or target in self.plants:
            return of_gateway or [target]
        gateways = sorted({device.gateway for device in self.settings.devices})
        alike = sorted(known for known in self.plants if known[:3] == target[:3]) or sorted(self.plants)
        raise FaultError(
            f"no device or gateway {target!r} here. Devices: {', '.join(alike[:12])}"
            f"{' …' if len(alike) > 12 else ''}; gateways: {', '.join(gateways)}"
        )

    def set_fault(
        self, kind_name: str, target: str, for_s: float | None, strength: float | None
    ) -> list[Fault]:
        """Begin a fault at a device, or at every device of a gateway that can have it. Raises FaultError."""
        kind = kind_named(kind_name)
        devices = self.devices_of(target)
        if target not in self.plants:
            devices = [each for each in devices if self._why_not(kind, each) == ""] or devices[:1]
        for device in devices:
            if self.faults.can_have(kind, device) and (cause := self._why_not(kind, device)):
                raise FaultError(cause)
        now_s = self.clock.now_ms() / 1000
        return [self.faults.set(kind, device, now_s, for_s, strength) for device in devices]

    def clear_faults(self, kind_name: str, target: str | None) -> list[Fault]:
        """End faults of a kind (`all` for every one), of one target or of all. Raises FaultError."""
        kind = None if kind_name == "all" else kind_named(kind_name)
        now_s = self.clock.now_ms() / 1000
        if target is None:
            return self.faults.clear(kind, None, now_s)
        ended = [self.faults.clear(kind, device, now_s) for device in self.devices_of(target)]
        return [fault for each in ended for fault in each]

    def _why_not(self, kind: Kind, device: str) -> str:
        """Why a device cannot have a fault; empty where it can."""
        if not self.faults.can_have(kind, device):
            return f"{device} is of a class that cannot have fault {kind}"
        if kind is Kind.CRC and device not in self._checksummed:
            return f"{device} hangs on Modbus TCP, which has no checksum: use garbage or exception"
        needed = _NEEDED.get(kind)
        fitted = {each.profile.id for each in self.readouts if each.device.id == device}
        if needed is not None and not needed & fitted:
            return f"{device} cannot have fault {kind}: it has no {' or '.join(sorted(needed))}"
        return ""

    def hint(self, fault: Fault) -> str:
        """What a person must know to see the fault; empty where nothing."""
        plant = self.plants[fault.device]
        now_s = self.clock.now_ms() / 1000
        if fault.kind is Kind.LAMP_OUT and isinstance(plant, Lamp) and not plant.is_on(now_s):
            return f"{fault.device} is switched off now: switch it on to see that it stays dark"
        if fault.device in self._sharing and fault.kind in _OF_INSTRUMENTS:
            return f"the board that {fault.device} shares with others goes on; the others need the fault too"
        return ""

    # putting together

    def _plant(self, device: SimDeviceSettings) -> Plant:
        world, faults, plant = self.world, self.faults, device.plant
        match device.device_class:
            case "streetlight":
                return Lamp(
                    device.id,
                    world,
                    faults,
                    rated_w=plant.rated_w,
                    feeder=device.gateway,
                    follows_sun=plant.follows_sun,
                )
            case "water_meter":
                return WaterMain(
                    device.id,
                    world,
                    faults,
                    demand_m3h=plant.demand_m3h,
                    travel_s=plant.travel_s,
                    valve=any(each.profile == "belimo_mod_actuator" for each in device.instruments),
                )
            case "air_station" | "weather_station":
                return AirStation(device.id, world, faults, series=plant.air_station)
            case "farm_sensor":
                return Field(device.id, world, water_below_pct=plant.water_below_pct)
            case "truck":
                return Truck(device.id, world, faults, route=self._route(device))
            case other:
                raise SimError(f"device {device.id}: class {other!r} cannot be simulated")

    def _route(self, device: SimDeviceSettings) -> Route:
        if self._routes is None:
            self._routes = read_routes(self.settings.routes)
        route = self._routes.get(device.plant.route)
        if route is None:
            known = ", ".join(sorted(self._routes))
            cause = f"no route {device.plant.route!r} for {device.id}; there are {known}"
            raise SimConfigError(self.settings.routes, [Problem(0, "features", cause)])
        return route

    def _mount_all(self) -> None:
        places: dict[_Place, list[_Placed]] = {}
        profiles: dict[str, Profile] = {}
        for device in self.settings.devices:
            for settings in device.instruments:
                profile = profiles.get(settings.profile) or self._library.profile(settings.profile)
                profiles[profile.id] = profile
                unit_id = profile.unit_id if settings.unit_id is None else settings.unit_id
                place = (settings.line, unit_id if profile.id in SLAVES else 0)
                places.setdefault(place, []).append((device, settings))
        for line in self.settings.lines:
            here = {unit_id: placed for (each, unit_id), placed in places.items() if each == line.id}
            if not here:
                raise SimError(f"line {line.id} carries no instrument: give it one, or leave it out")
            if isinstance(line, RtuLineSettings):
                self._serve_slaves(RtuLine(line.id, line.link, line.baud), here, profiles)
            elif isinstance(line, TcpLineSettings):
                self._serve_slaves(TcpLine(line.id, line.host, line.port), here, profiles)
            else:
                talker = self._talker(line.id, here, profiles)
                self.lines[line.id] = SerialLine(line.id, line.link, talker)

    def _serve_slaves(
        self, line: RtuLine | TcpLine, here: dict[int, list[_Placed]], profiles: dict[str, Profile]
    ) -> None:
        self.lines[line.id] = line
        for unit_id, placed in here.items():
            profile = self._one_profile(line.id, unit_id, placed, profiles)
            if profile.id not in SLAVES:
                raise SimError(_cannot(profile, line.id, "a Modbus line", SLAVES))
            owners = Owners(tuple(device.id for device, _ in placed), self.faults)
            address = _Address(line)
            mounting = self._mounting(placed, owners, unit_id, address)
            instrument: Instrument = StickyInstrument(SLAVES[profile.id](mounting), owners)
            registers = InstrumentRegisters(profile, instrument, self.clock)
            unit = Unit(GarbageRegisters(registers, owners, self.clock, mounting.noise), owners, self.clock)
            address.unit = unit
            line.units.add(unit_id, unit)
            self._note(placed, profile, instrument, checksummed=isinstance(line, RtuLine))

    def _talker(self, line_id: str, here: dict[int, list[_Placed]], profiles: dict[str, Profile]) -> _Talking:
        placed = [each for group in here.values() for each in group]
        profile = profiles[placed[0][1].profile]
        if len(placed) > 1:
            raise SimError(
                f"line {line_id} is serial and carries {len(placed)} instruments: it can carry one"
            )
        if profile.id not in TALKERS:
            raise SimError(_cannot(profile, line_id, "a serial line", TALKERS))
        owners = Owners((placed[0][0].id,), self.faults)
        talker = TALKERS[profile.id](self._mounting(placed, owners, 0, lambda _: False))
        self._note(placed, profile, talker, checksummed=True)
        return talker

    def _mounting(
        self, placed: list[_Placed], owners: Owners, unit_id: int, readdress: Readdress
    ) -> Mounting:
        mounted = tuple(
            Mounted(device.id, self.plants[device.id], settings.channel) for device, settings in placed
        )
        return Mounting(self.world, self.clock, owners, mounted, unit_id, readdress)

    def _note(
        self, placed: list[_Placed], profile: Profile, instrument: _Readable, *, checksummed: bool
    ) -> None:
        for device, settings in placed:
            self.readouts.append(Readout(device, settings, profile, instrument))
            if checksummed:
                self._checksummed.add(device.id)
            if len(placed) > 1:
                self._sharing.add(device.id)

    def _one_profile(
        self, line_id: str, unit_id: int, placed: list[_Placed], profiles: dict[str, Profile]
    ) -> Profile:
        names = {settings.profile for _, settings in placed}
        if len(names) > 1:
            raise SimError(f"line {line_id}: unit {unit_id} cannot be {' and '.join(sorted(names))} at once")
        return profiles[names.pop()]


class _Address:
    """Lets an instrument change the unit id of the slave that it stands behind."""

    def __init__(self, line: RtuLine | TcpLine) -> None:
        self._line = line
        self.unit: Unit | None = None

    def __call__(self, unit_id: int) -> bool:
        return self.unit is not None and self._line.units.move(self.unit, unit_id)


def _cannot(profile: Profile, line_id: str, kind: str, able: Mapping[str, object]) -> str:
    return (
        f"profile {profile.id} cannot be simulated on {kind} ({line_id}). "
        f"Those that can: {', '.join(sorted(able))}"
    )
