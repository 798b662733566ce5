"""Which simulated instrument stands behind which profile, and what it must be mounted on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from simulators.devices.environment import Co2Sensor, SoilProbe, TemperatureHumidity, WeatherStation
from simulators.devices.gnss import GnssReceiver
from simulators.devices.instrument import Instrument
from simulators.devices.lighting import AnalogOutput, Door, EnergyMeter, RelayBoard
from simulators.devices.particles import ParticleSensor
from simulators.devices.settings import Readdress
from simulators.devices.water import FlowMeter, PressureTransmitter, ValveActuator
from simulators.errors import SimError
from simulators.faults import Owners
from simulators.plants.field import Field
from simulators.plants.lamp import Lamp
from simulators.plants.main import WaterMain
from simulators.plants.station import AirStation
from simulators.plants.truck import Truck
from simulators.world.noise import Noise
from simulators.world.world import World
from telemetry.clock import Clock

Plant: TypeAlias = Lamp | WaterMain | Field | AirStation | Truck
_P = TypeVar("_P", Lamp, WaterMain, Field, AirStation, Truck)


@dataclass(frozen=True, slots=True)
class Mounted:
    """One device that an instrument serves."""

    device: str
    plant: Plant
    channel: int
    """Relay or output of a board; 1 for instruments that have none."""


@dataclass(frozen=True, slots=True)
class Mounting:
    """Where an instrument stands."""

    world: World
    clock: Clock
    owners: Owners
    mounted: tuple[Mounted, ...]
    unit_id: int
    readdress: Readdress

    @property
    def device(self) -> str:
        """The device that an instrument without channels serves."""
        return self.mounted[0].device

    @property
    def noise(self) -> Noise:
        """Nonsense of this instrument alone."""
        return Noise(self.world.seed, f"nonsense/{self.device}/{self.unit_id}")

    def only(self, kind: type[_P]) -> _P:
        """The plant of the one device that the instrument serves. Raises SimError."""
        if len(self.mounted) > 1:
            names = ", ".join(each.device for each in self.mounted)
            raise SimError(f"unit {self.unit_id} serves {names}: only boards with channels can be shared")
        return _plant(self.mounted[0], kind)


def _plant(mounted: Mounted, kind: type[_P]) -> _P:
    if not isinstance(mounted.plant, kind):
        name, found = kind.__name__, type(mounted.plant).__name__
        raise SimError(f"device {mounted.device}: this instrument needs a {name}, not a {found}")
    return mounted.plant


def _relay_board(at: Mounting) -> Instrument:
    contacts: dict[int, Lamp | Field] = {}
    doors: dict[int, Door] = {}
    for each in at.mounted:
        if not isinstance(each.plant, Lamp | Field):
            raise SimError(f"device {each.device}: a relay board needs a lamp or an irrigation valve")
        if each.channel in contacts:
            raise SimError(f"device {each.device}: channel {each.channel} of its relay board is taken")
        contacts[each.channel] = each.plant
        if isinstance(each.plant, Lamp):
            doors[each.channel] = Door(each.device, at.owners.faults)
    return RelayBoard(contacts, doors, at.unit_id, at.readdress)


def _analog_output(at: Mounting) -> Instrument:
    return AnalogOutput({each.channel: _plant(each, Lamp) for each in at.mounted}, at.unit_id, at.readdress)


def _air_probe(at: Mounting) -> Instrument:
    if isinstance(at.mounted[0].plant, Field):
        return TemperatureHumidity(at.only(Field))
    return TemperatureHumidity(at.only(AirStation))


SLAVES: Final[Mapping[str, Callable[[Mounting], Instrument]]] = {
    "eastron_sdm120": lambda at: EnergyMeter(at.only(Lamp), at.unit_id, at.readdress),
    "waveshare_relay8": _relay_board,
    "waveshare_ao8": _analog_output,
    "tuf2000m": lambda at: FlowMeter(at.only(WaterMain), at.unit_id, at.readdress),
    "qdw90a_pressure": lambda at: PressureTransmitter(at.only(WaterMain), at.unit_id, at.readdress),
    "belimo_mod_actuator": lambda at: ValveActuator(at.only(WaterMain), at.unit_id, at.readdress),
    "senseair_s8": lambda at: Co2Sensor(at.only(AirStation)),
    "xy_md02": _air_probe,
    "cwt_soil_7in1_variant_b": lambda at: SoilProbe(at.only(Field), at.unit_id, at.readdress),
    "ecowitt_wn90lp": lambda at: WeatherStation(
        at.world.weather, at.world.seed, at.device, at.unit_id, at.readdress
    ),
}
"""Modbus slaves by profile."""

TALKERS: Final[Mapping[str, Callable[[Mounting], ParticleSensor | GnssReceiver]]] = {
    "plantower_pms5003": lambda at: ParticleSensor(at.only(AirStation), at.owners, at.clock, at.noise),
    "nmea_gnss": lambda at: GnssReceiver(at.only(Truck), at.owners, at.clock, at.noise),
}
"""Instruments on serial lines of their own, by profile."""
