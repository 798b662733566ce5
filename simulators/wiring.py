"""Which instruments a planned device gets, on which lines, as the gateway and the simulator must know it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from simulators.layout import DevicePlan, GatewayPlan

_SPEED: Final = 19200
"""Baud of shared RS-485 lines; all these instruments can be set to it."""
_Instrument: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class Wiring:
    """One gateway's part of sim.yaml and of its own configuration."""

    sim_lines: list[dict[str, Any]] = field(default_factory=list)
    sim_devices: list[dict[str, Any]] = field(default_factory=list)
    buses: list[dict[str, Any]] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=list)


def wire_gateway(plan: GatewayPlan, folder: Path, ports: Iterator[int]) -> Wiring:
    """Lines and instruments of one gateway; serial ports are links below `folder`/lines."""
    wirer = _Wirer(plan, folder)
    if plan.speaks_tcp:
        wirer.tcp_line("lan", next(ports))
    elif plan.device_class != "truck":
        wirer.rtu_line("rs485-1", _SPEED)
    for device in plan.devices:
        wirer.device(device, _INSTRUMENTS[plan.device_class](wirer, device))
    return wirer.wiring


class _Wirer:
    """Writes down lines and devices in both forms."""

    def __init__(self, plan: GatewayPlan, folder: Path) -> None:
        self.plan = plan
        self.wiring = Wiring()
        self._folder = folder

    @property
    def shared(self) -> str:
        """The line that most of the gateway's instruments share."""
        return "lan" if self.plan.speaks_tcp else "rs485-1"

    def rtu_line(self, bus: str, baud: int) -> None:
        link = self._line(bus, {"kind": "modbus-rtu", "baud": baud})
        self.wiring.buses.append({"id": bus, "kind": "modbus-rtu", "port": link, "baud": baud})

    def serial_line(self, bus: str) -> None:
        link = self._line(bus, {"kind": "serial"})
        self.wiring.buses.append({"id": bus, "kind": "serial", "port": link, "baud": 9600})

    def tcp_line(self, bus: str, port: int) -> None:
        place = {"host": "127.0.0.1", "port": port}
        self.wiring.sim_lines.append({"id": self._line_id(bus), "kind": "modbus-tcp", **place})
        self.wiring.buses.append({"id": bus, "kind": "modbus-tcp", **place})

    def device(self, device: DevicePlan, instruments: list[_Instrument]) -> None:
        head = {"id": device.id, "class": self.plan.device_class}
        place = {"latitude": device.latitude, "longitude": device.longitude}
        self.wiring.devices.append(
            {
                **head,
                "title": device.title,
                **(place if device.latitude is not None else {}),
                "instruments": instruments,
            }
        )
        mounted = []
        for each in instruments:
            mine = {key: value for key, value in each.items() if key not in ("bus", "every_s")}
            mounted.append({**mine, "line": self._line_id(each["bus"])})
        self.wiring.sim_devices.append(
            {**head, "gateway": self.plan.id, "plant": device.plant, "instruments": mounted}
        )

    def _line(self, bus: str, facts: dict[str, Any]) -> str:
        link = Path("lines") / self.plan.id / bus
        self.wiring.sim_lines.append({"id": self._line_id(bus), "link": str(link), **facts})
        return str(self._folder / link)

    def _line_id(self, bus: str) -> str:
        return f"{self.plan.id}/{bus}"


def _unit(profile: str, bus: str, unit_id: int, every_s: float, **more: Any) -> _Instrument:
    return {"profile": profile, "bus": bus, "unit_id": unit_id, "every_s": every_s, **more}


def _lamp(wirer: _Wirer, device: DevicePlan) -> list[_Instrument]:
    """Meter, relay and hatch contact in every pole, dimming on Modbus TCP."""
    bus, number = wirer.shared, device.number
    door = {"map": {"input_1": "Cabinet/Door Open"}}
    instruments = [
        _unit("eastron_sdm120", bus, 1 + number, 5),
        _unit("waveshare_relay8", bus, 101 + number, 5, **door),
    ]
    if wirer.plan.speaks_tcp:
        instruments.append(_unit("waveshare_ao8", bus, 181 + number, 5))
    return instruments


def _meter(wirer: _Wirer, device: DevicePlan) -> list[_Instrument]:
    """Flow and pressure everywhere, a valve at two of three."""
    bus, number = wirer.shared, device.number
    instruments = [
        _unit("tuf2000m", bus, 1 + number, 5),
        _unit("qdw90a_pressure", bus, 81 + number, 5),
    ]
    if number % 3 != 2:
        instruments.append(_unit("belimo_mod_actuator", bus, 161 + number, 5))
    return instruments


def _air(wirer: _Wirer, device: DevicePlan) -> list[_Instrument]:
    """Particles on a serial line, temperature and humidity on the shared one, CO2 at every second."""
    number = device.number
    wirer.serial_line(f"pms-{number + 1}")
    instruments: list[_Instrument] = [
        {"profile": "plantower_pms5003", "bus": f"pms-{number + 1}", "every_s": 5},
        _unit("xy_md02", wirer.shared, 1 + number, 5),
    ]
    if number % 2 == 0:
        wirer.rtu_line(f"co2-{number + 1}", 9600)  # its sensor answers to any unit id
        instruments.append({"profile": "senseair_s8", "bus": f"co2-{number + 1}", "every_s": 10})
    return instruments


def _field(wirer: _Wirer, device: DevicePlan) -> list[_Instrument]:
    """A soil probe everywhere, an irrigation valve at every second, air at every third."""
    bus, number = wirer.shared, device.number
    instruments = [_unit("cwt_soil_7in1_variant_b", bus, 1 + number, 10)]
    if number % 2 == 0:
        valve = {"map": {"relay_1": "Irrigation/Valve"}}
        instruments.append(_unit("waveshare_relay8", bus, 101 + number, 10, **valve))
    if number % 3 == 0:
        instruments.append(_unit("xy_md02", bus, 181 + number, 10))
    return instruments


def _weather(wirer: _Wirer, device: DevicePlan) -> list[_Instrument]:
    return [_unit("ecowitt_wn90lp", wirer.shared, 144 + device.number, 5)]


def _truck(wirer: _Wirer, device: DevicePlan) -> list[_Instrument]:
    wirer.serial_line(f"gnss-{device.number + 1}")
    return [{"profile": "nmea_gnss", "bus": f"gnss-{device.number + 1}", "every_s": 2}]


_INSTRUMENTS: Final = {
    "streetlight": _lamp,
    "water_meter": _meter,
    "air_station": _air,
    "farm_sensor": _field,
    "weather_station": _weather,
    "truck": _truck,
}
