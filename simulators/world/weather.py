"""Weather: temperature and humidity from a real series; rain, cloud, wind, light, leaf wetness from them."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Final

from simulators.world.noise import Noise
from simulators.world.series import HOUR_S, HourlySeries
from simulators.world.sun import LUMEN_PER_WATT, Sun

LEAF_SCALE: Final = 15.0
"""A leaf sensor's value for a wet leaf; 0 is dry."""
_RAIN_FROM_HUMIDITY: Final = 84.0
_DEW_FROM_HUMIDITY: Final = 88.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """The weather at one time."""

    temperature_c: float
    humidity_pct: float
    pressure_hpa: float
    cloud: float
    """Share of the sky, 0 … 1."""
    irradiance_w_m2: float
    illuminance_lx: float
    uv_index: float
    wind_m_s: float
    gust_m_s: float
    wind_from_deg: float
    rain_mm_h: float
    rain_total_mm: float
    """Rain since the gauge was set up; only grows."""
    leaf_wetness: float


class Weather:
    """The weather over the province, a function of time."""

    def __init__(
        self, seed: int, sun: Sun, temperature: HourlySeries, humidity: HourlySeries, origin_s: float
    ) -> None:
        self._sun = sun
        self._temperature = temperature
        self._humidity = humidity
        self._origin_s = origin_s
        self._noise = {name: Noise(seed, f"weather/{name}") for name in _WANDERING}
        self.rain_mm = _hourly_rain(Noise(seed, "weather/rain"), humidity)
        """Rain of each hour of the loop, mm."""
        self._rain_sum = array("d", accumulate(self.rain_mm, initial=0.0))
        self._leaf = _hourly_leaf_wetness(self.rain_mm, humidity)
        self.at = lru_cache(maxsize=64)(self._at)

    @property
    def hours(self) -> int:
        """Length of the loop."""
        return len(self.rain_mm)

    def index(self, time_s: float) -> int:
        """Which hour of the loop it is."""
        return self._humidity.index(self._sun.local(time_s))

    def evapotranspiration_mm(self) -> array[float]:
        """Reference evapotranspiration of each hour of the loop, mm.

        The saturation deficit of the air drives it, weighted by daylight; 4 to 6 mm on a dry day.
        """
        loss = array("d")
        for hour, humidity in enumerate(self._humidity.values):
            temperature = self._temperature.values[hour % len(self._temperature.values)]
            saturation_kpa = 0.6108 * math.exp(17.27 * temperature / (temperature + 237.3))  # FAO-56 eq. 11
            light = math.sin(math.pi * ((hour + self._humidity.first_hour) % 24 - 6 + 0.5) / 12)
            loss.append(max(0.0, light) * (0.28 + 0.22 * saturation_kpa * (1 - humidity / 100)))
        return loss

    def _at(self, time_s: float) -> Conditions:
        local_s = self._sun.local(time_s)
        hour = self._sun.local_hour(time_s)
        humidity = min(
            100.0, max(1.0, self._humidity.at(local_s) + 0.6 * self._wander("humidity", time_s, 240))
        )
        place = self.index(time_s)
        rain = self.rain_mm[place]
        cloud = min(1.0, max(0.0, (humidity - 55) / 45 + 0.35 * self._wander("cloud", time_s, 1500)))
        cloud = max(cloud, 0.85) if rain > 0 else cloud
        light = 1 - 0.75 * cloud**3.4  # Kasten and Czeplak 1980
        irradiance = self._sun.clear_irradiance(time_s) * light
        wind, gust, wind_from = self._wind(time_s, hour, rain)
        tide = 1.1 * math.cos(2 * math.pi * (hour - 10) / 12)  # the tropical half-day tide of the air
        return Conditions(
            temperature_c=self._temperature.at(local_s) + 0.25 * self._wander("temperature", time_s, 300),
            humidity_pct=humidity,
            pressure_hpa=1009.5 + tide + 2.5 * self._wander("pressure", time_s, 3 * 86400),
            cloud=cloud,
            irradiance_w_m2=irradiance,
            illuminance_lx=irradiance * LUMEN_PER_WATT,
            uv_index=self._sun.clear_uv_index(time_s) * light,
            wind_m_s=wind,
            gust_m_s=gust,
            wind_from_deg=wind_from,
            rain_mm_h=rain,
            rain_total_mm=self._rain_total(time_s),
            leaf_wetness=self._leaf_wetness(local_s, place),
        )

    def _wander(self, name: str, time_s: float, period_s: float) -> float:
        return self._noise[name].smooth(time_s, period_s)

    def _wind(self, time_s: float, hour: float, rain: float) -> tuple[float, float, float]:
        """Speed, gust and direction: a sea breeze by day, a weak land breeze by night."""
        breeze = math.sin(math.pi * (hour - 8.5) / 12)
        sea = max(0.0, breeze)
        mean = 1.6 + 4.2 * sea + 1.2 * self._wander("wind", time_s, 1800) + min(3.0, 0.3 * rain)
        speed = max(0.0, mean * (1 + 0.25 * self._wander("gust", time_s, 45)))
        gust = speed * (1.35 + 0.15 * self._wander("gust", time_s, 120))
        turn = 0.5 + 0.5 * math.tanh(4 * breeze)
        direction = 320 + (150 - 320) * turn + 25 * self._wander("direction", time_s, 900)
        return speed, gust, direction % 360

    def _rain_total(self, time_s: float) -> float:
        """Whole loops since the gauge was set up, and the part of this one."""
        here, begun = self._loop(time_s)
        origin, origin_begun = self._loop(self._origin_s)
        total = (begun - origin_begun) * self._rain_sum[-1] + here - origin
        return max(0.0, total)

    def _loop(self, time_s: float) -> tuple[float, int]:
        hours = self._sun.local(time_s) / HOUR_S - self._humidity.first_hour
        place = self.index(time_s)
        inside = self._rain_sum[place] + self.rain_mm[place] * (hours % 1.0)
        return inside, math.floor(hours / self.hours)

    def _leaf_wetness(self, local_s: float, place: int) -> float:
        part = (local_s / HOUR_S) % 1.0
        following = self._leaf[(place + 1) % self.hours]
        return self._leaf[place] * (1 - part) + following * part


_WANDERING: Final = ("temperature", "humidity", "cloud", "pressure", "wind", "gust", "direction")


def _hourly_rain(noise: Noise, humidity: HourlySeries) -> array[float]:
    """Showers of three hours, likelier and heavier the damper the air; mm of each hour."""
    rain = array("d")
    for hour, damp in enumerate(humidity.values):
        excess = max(0.0, (damp - _RAIN_FROM_HUMIDITY) / (100 - _RAIN_FROM_HUMIDITY))
        falls = noise.uniform(hour // 3) < 0.30 * excess**1.5
        rain.append(-4.5 * excess * math.log(1 - 0.999 * noise.uniform(1_000_000 + hour)) if falls else 0.0)
    return rain


def _hourly_leaf_wetness(rain_mm: array[float], humidity: HourlySeries) -> array[float]:
    """Wet in rain, damp with dew, dried the faster the drier the air."""
    wetness = array("d")
    level = 0.0
    for _ in range(2):  # the second round starts with what the end of the loop left
        wetness = array("d")
        for rain, damp in zip(rain_mm, humidity.values, strict=True):
            dew = LEAF_SCALE * 0.8 * max(0.0, (damp - _DEW_FROM_HUMIDITY) / (100 - _DEW_FROM_HUMIDITY))
            dried = level - (1.0 + 0.25 * max(0.0, 90 - damp))
            level = min(LEAF_SCALE, LEAF_SCALE if rain > 0 else max(dew, dried, 0.0))
            wetness.append(level)
    return wetness
