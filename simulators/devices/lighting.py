"""Instruments of lighting: energy meter, relay board, analogue outputs for dimming."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Protocol

from simulators.devices.instrument import Native, Refused
from simulators.devices.settings import Readdress, Settings
from simulators.faults import Faults, Kind
from simulators.plants.lamp import Lamp
from simulators.plants.switch import NeverOn, Switch

CHANNELS: Final = 8
_FLASH_UNIT_S: Final = 0.1


class EnergyMeter:
    """Eastron SDM120: one phase, one lamp."""

    def __init__(self, lamp: Lamp, unit_id: int, readdress: Readdress) -> None:
        self._lamp = lamp
        self._settings = Settings(
            {
                "cfg_pulse_width": 100.0,
                "cfg_parity_stop": 0.0,
                "cfg_unit_id": float(unit_id),
                "cfg_baud": 2.0,
            },
            readdress,
            "cfg_unit_id",
        )

    def values(self, time_s: float) -> Mapping[str, Native]:
        """All that the meter measures."""
        lamp = self._lamp.at(time_s)
        apparent = lamp.voltage_v * lamp.current_a
        reactive = math.sqrt(max(0.0, apparent**2 - lamp.power_w**2))
        energy = lamp.energy_wh / 1000
        return {
            "voltage": lamp.voltage_v,
            "current": lamp.current_a,
            "active_power": lamp.power_w,
            "apparent_power": apparent,
            "reactive_power": reactive,
            "power_factor": lamp.power_factor,
            "frequency": lamp.frequency_hz,
            "import_energy": energy,
            "export_energy": 0.0,
            "import_reactive_energy": 0.33 * energy,
            "export_reactive_energy": 0.0,
            "total_energy": energy,
            "total_reactive_energy": 0.33 * energy,
            **self._settings.values,
        }

    def write(self, key: str, value: float | bool, time_s: float) -> None:
        """Settings only."""
        self._settings.write(key, value)


class Contact(Protocol):
    """What a relay switches."""

    def set(self, on: bool, time_s: float) -> None:
        """Switch it."""
        ...

    def pulse(self, on: bool, time_s: float, duration_s: float) -> None:
        """Switch it for some time, then to the contrary."""
        ...

    def is_on(self, time_s: float) -> bool:
        """Whether it is on."""
        ...


class Door:
    """The door contact of a cabinet; it closes when the door is opened."""

    def __init__(self, device: str, faults: Faults) -> None:
        self._device = device
        self._faults = faults

    def closed(self, time_s: float) -> bool:
        """Whether the contact is closed."""
        return self._faults.get(Kind.DOOR_OPEN, self._device, time_s) is not None


class RelayBoard:
    """Waveshare relay board: eight relays and, on some models, eight inputs."""

    def __init__(
        self,
        contacts: Mapping[int, Contact],
        inputs: Mapping[int, Door],
        unit_id: int,
        readdress: Readdress,
    ) -> None:
        """`contacts` and `inputs` by channel, 1 … 8; a channel that is left out switches or reads nothing."""
        self._contacts: dict[int, Contact] = {
            channel: contacts.get(channel) or Switch(NeverOn()) for channel in range(1, CHANNELS + 1)
        }
        self._inputs = inputs
        settings = {"cfg_unit_id": float(unit_id), "cfg_uart": 1.0}
        self._settings = Settings(settings, readdress, "cfg_unit_id")

    def values(self, time_s: float) -> Mapping[str, Native]:
        """Relays and inputs as they are."""
        values: dict[str, Native] = {**self._settings.values, "firmware": 2.0}
        for channel, contact in self._contacts.items():
            values[f"relay_{channel}"] = contact.is_on(time_s)
            known = self._inputs.get(channel)
            values[f"input_{channel}"] = known is not None and known.closed(time_s)
        return values

    def write(self, key: str, value: float | bool, time_s: float) -> None:
        """Switch one relay, all of them, or one for some time."""
        name, _, number = key.rpartition("_")
        if key == "all_relays":
            for contact in self._contacts.values():
                contact.set(bool(value), time_s)
        elif name == "relay":
            self._contacts[int(number)].set(bool(value), time_s)
        elif name in ("flash_on", "flash_off"):
            self._contacts[int(number)].pulse(name == "flash_on", time_s, float(value) * _FLASH_UNIT_S)
        else:
            self._settings.write(key, value)


class AnalogOutput:
    """Waveshare analogue output board, 0-10 V: the dimming inputs of lamps."""

    FULL_MV: Final = 10_000.0

    def __init__(self, lamps: Mapping[int, Lamp], unit_id: int, readdress: Readdress) -> None:
        """`lamps` by channel, 1 … 8."""
        self._lamps = lamps
        self._idle = dict.fromkeys(range(1, CHANNELS + 1), 0.0)
        self._settings = Settings({"cfg_unit_id": float(unit_id)}, readdress, "cfg_unit_id")

    def values(self, time_s: float) -> Mapping[str, Native]:
        """The voltage at each output, mV."""
        values: dict[str, Native] = dict(self._settings.values)
        for channel, idle in self._idle.items():
            lamp = self._lamps.get(channel)
            values[f"out_{channel}_mv"] = idle if lamp is None else lamp.level_pct / 100 * self.FULL_MV
        return values

    def write(self, key: str, value: float | bool, time_s: float) -> None:
        """Set one output."""
        if not key.startswith("out_"):
            self._settings.write(key, value)
            return
        if not 0 <= value <= self.FULL_MV:
            raise Refused(key)
        channel = int(key.split("_")[1])
        lamp = self._lamps.get(channel)
        if lamp is None:
            self._idle[channel] = float(value)
        else:
            lamp.dim(100 * value / self.FULL_MV, time_s)
