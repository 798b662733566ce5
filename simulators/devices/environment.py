"""Instruments of air, soil and weather on Modbus lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from simulators.devices.instrument import Native, Refused
from simulators.devices.settings import Readdress, Settings
from simulators.plants.field import Field
from simulators.plants.station import AirStation
from simulators.world.noise import Noise
from simulators.world.weather import Weather


class Co2Sensor:
    """Senseair S8."""

    def __init__(self, station: AirStation) -> None:
        self._station = station
        self._settings = Settings({"cfg_abc_period": 180.0}, lambda _: False)

    def values(self, time_s: float) -> Mapping[str, Native]:
        """Status and CO2."""
        co2 = self._station.air(time_s).co2_ppm
        return {"meter_status": 0, "co2": co2, **self._settings.values}

    def write(self, key: str, value: float | bool, time_s: float) -> None:
        """Settings only."""
        self._settings.write(key, value)


class AirProbe(Protocol):
    """A place whose air has a temperature and a humidity."""

    def air_temperature_c(self, time_s: float) -> float:
        """Degrees Celsius."""
        ...

    def air_humidity_pct(self, time_s: float) -> float:
        """Relative humidity, %."""
        ...


class TemperatureHumidity:
    """XY-MD02."""

    def __init__(self, place: AirProbe) -> None:
        self._place = place

    def values(self, time_s: float) -> Mapping[str, Native]:
        """Temperature and humidity."""
        return {
            "temperature": self._place.air_temperature_c(time_s),
            "humidity": self._place.air_humidity_pct(time_s),
        }

    def write(self, key: str, value: float | bool, time_s: float) -> None:
        """Nothing can be written."""
        raise Refused(key)


class SoilProbe:
    """CWT 7-in-1."""

    def __init__(self, field: Field, unit_id: int, readdress: Readdress) -> None:
        self._field = field
        unit = float(unit_id)
        self._settings = Settings(
            {"cfg_unit_id_cwt": unit, "cfg_baud_cwt": 2.0, "cfg_unit_id_es107": unit, "cfg_baud_es107": 2.0},
            readdress,
            "cfg_unit_id_cwt",
        )

    def values(self, time_s: float) -> Mapping[str, Native]:
        """All that the probe measures."""
        soil = self._field.at(time_s)
        return {
            "moisture": soil.moisture_pct,
            "temperature": soil.temperature_c,
            "ec": soil.conductivity_us_cm,
            "ph": soil.ph,
            "nitrogen": soil.nitrogen_mg_kg,
            "phosphorus": soil.phosphorus_mg_kg,
            "potassium": soil.potassium_mg_kg,
            "salinity": soil.salinity_mg_l,
            "tds": soil.dissolved_mg_l,
            **self._settings.values,
        }

    def write(self, key: str, value: float | bool, time_s: float) -> None:
        """Settings only."""
        self._settings.write(key, value)


class WeatherStation:
    """Ecowitt WN90LP. Its rain counters are 16 bits wide and begin again at 0."""

    DEVICE_CODE: Final = 0x90
    _COUNTS: Final = 0x10000

    def __init__(self, weather: Weather, seed: int, place: str, unit_id: int, readdress: Readdress) -> None:
        self._weather = weather
        noise = Noise(seed, f"weather/{place}")
        self._warmer = noise.between(-0.5, 0.5)
        self._windier = noise.between(0.85, 1.15, 1)
        self._settings = Settings({"cfg_baud": 2.0, "cfg_unit_id": float(unit_id)}, readdress, "cfg_unit_id")

    def values(self, time_s: float) -> Mapping[str, Native]:
        """All that the station measures."""
        now = self._weather.at(time_s)
        fine = round(now.rain_total_mm * 100)
        return {
            "device_code": self.DEVICE_CODE,
            "illuminance": now.illuminance_lx,
            "uv_index": now.uv_index,
            "temperature": now.temperature_c + self._warmer,
            "humidity": now.humidity_pct,
            "wind_speed": now.wind_m_s * self._windier,
            "wind_gust": now.gust_m_s * self._windier,
            "wind_dir": round(now.wind_from_deg) % 360,
            "rain": fine // 10 % self._COUNTS / 10,
            "pressure": now.pressure_hpa,
            "rain_fine": fine % self._COUNTS / 100,
            **self._settings.values,
        }

    def write(self, key: str, value: float | bool, time_s: float) -> None:
        """Settings only."""
        self._settings.write(key, value)
