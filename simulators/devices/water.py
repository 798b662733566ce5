"""Instruments of water: ultrasonic flow meter, pressure transmitter, valve actuator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simulators.devices.instrument import Native, Refused
from simulators.devices.settings import Readdress, Settings
from simulators.plants.main import PIPE_DIAMETER_MM, WaterMain

_NO_ECHO_BIT: Final = 1 << 0
_MEASURING_STEP: Final = 0x1200


class FlowMeter:
    """TUF-2000M. Without an echo it reports flow 0 with its error bits, as the real one does."""

    def __init__(self, main: WaterMain, unit_id: int, readdress: Readdress) -> None:
        self._main = main
        self._settings = Settings({"cfg_unit_id": float(unit_id)}, readdress, "cfg_unit_id")

    def values(self, time_s: float) -> Mapping[str, Native]:
        """All that the meter measures."""
        main = self._main.at(time_s)
        flow, velocity = (main.flow_m3h, main.velocity_m_s) if main.echo else (0.0, 0.0)
        return {
            "flow_rate": flow,
            "velocity": velocity,
            "sound_speed": 1405 + 3.1 * main.temperature_c,
            "temp_inlet": main.temperature_c,
            "temp_outlet": main.temperature_c,
            "error_bits": 0 if main.echo else _NO_ECHO_BIT,
            "quality_step": _MEASURING_STEP + (91 if main.echo else 0),
            "signal_upstream": 1460 if main.echo else 0,
            "signal_downstream": 1452 if main.echo else 0,
            "transit_ratio": 99.6 if main.echo else 0.0,
            "net_volume": main.volume_m3,
            "positive_volume": main.volume_m3,
            "negative_volume": 0.0,
            "pipe_inner_diameter": PIPE_DIAMETER_MM,
            **self._settings.values,
        }

    def write(self, key: str, value: float | bool, time_s: float) -> None:
        """Settings only."""
        self._settings.write(key, value)


class PressureTransmitter:
    """QDW90A. Its address changes with the first write; `save` goes to the new address."""

    _DECIMALS: Final = 2

    def __init__(self, main: WaterMain, unit_id: int, readdress: Readdress) -> None:
        self._main = main
        self._settings = Settings(
            {"cfg_unit_id": float(unit_id), "cfg_baud": 3.0, "zero_offset": 0.0}, readdress, "cfg_unit_id"
        )

    def values(self, time_s: float) -> Mapping[str, Native]:
        """All that the transmitter measures."""
        pressure = self._main.at(time_s).pressure_bar
        return {
            "unit_code": 3,
            "decimals": self._DECIMALS,
            "pressure_int": pressure * 10**self._DECIMALS,
            "range_low": 0,
            "range_high": 10 * 10**self._DECIMALS,
            "pressure": pressure,
            **self._settings.values,
        }

    def write(self, key: str, value: float | bool, time_s: float) -> None:
        """Settings; a factory reset forgets the zero offset."""
        if key == "factory_reset":
            self._settings.write("zero_offset", 0.0)
        elif key != "save":
            self._settings.write(key, value)


class ValveActuator:
    """Belimo modulating actuator: goes to its set point, unless an override tells otherwise."""

    _OVERRIDES: Final[Mapping[int, float]] = {1: 100.0, 2: 0.0, 3: 0.0, 4: 50.0, 5: 100.0}
    _CANNOT_MOVE: Final = 1 << 2

    def __init__(self, main: WaterMain, unit_id: int, readdress: Readdress) -> None:
        self._main = main
        self._set_point = 100.0
        self._override = 0
        self._command = 0
        settings = {
            "cfg_min": 0.0,
            "cfg_max": 100.0,
            "cfg_sensor_type": 0.0,
            "cfg_bus_fail_position": 0.0,
            "cfg_setpoint_source": 1.0,
            "cfg_unit_id": float(unit_id),
        }
        self._settings = Settings(settings, readdress, "cfg_unit_id")

    def values(self, time_s: float) -> Mapping[str, Native]:
        """Where the valve is and where it goes."""
        main = self._main.at(time_s)
        return {
            "setpoint": self._set_point,
            "override": self._override,
            "command": self._command,
            "actuator_type": 1,
            "position": main.opening_pct,
            "position_abs": 0.9 * main.opening_pct,
            "flow_rel": main.opening_pct,
            "sensor_1": 0,
            "analog_setpoint": 0.0,
            "firmware": 1.04,
            "malfunction": self._CANNOT_MOVE if main.valve_stuck else 0,
            **self._settings.values,
        }

    def write(self, key: str, value: float | bool, time_s: float) -> None:
        """Set point, override, service commands, settings."""
        if key == "setpoint":
            if not 0 <= value <= 100:
                raise Refused(key)
            self._set_point = float(value)
        elif key == "override":
            if value not in (0, *self._OVERRIDES):
                raise Refused(key)
            self._override = int(value)
        elif key == "command":
            self._command = 0  # adaption, test run and reset end at once
        else:
            self._settings.write(key, value)
        self._main.move_valve(self._OVERRIDES.get(self._override, self._set_point), time_s)
