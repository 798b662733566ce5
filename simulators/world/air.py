"""Air pollution: real hourly series, one for each station, with traffic and quick wandering on top."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from simulators.world.noise import Noise
from simulators.world.series import HourlySeries
from simulators.world.sun import Sun


@dataclass(frozen=True, slots=True)
class AirSeries:
    """What one station's file says, µg/m³."""

    pm2_5: HourlySeries
    pm10: HourlySeries
    no2: HourlySeries


@dataclass(frozen=True, slots=True)
class Pollution:
    """The air at one station at one time."""

    pm1: float
    pm2_5: float
    pm10: float
    no2: float
    """µg/m³."""
    co2_ppm: float
    noise_db: float


class Traffic:
    """How full the streets are, 0 … 1: two peaks a day, quiet nights and Sundays."""

    def __init__(self, seed: int, sun: Sun) -> None:
        self._noise = Noise(seed, "traffic")
        self._sun = sun

    def at(self, time_s: float) -> float:
        """The traffic at a time."""
        hour = self._sun.local_hour(time_s)
        day = 0.5 - 0.5 * math.cos(2 * math.pi * min(max(hour - 4.5, 0.0), 19.0) / 19.0)
        peaks = math.exp(-(((hour - 7.0) / 1.1) ** 2)) + math.exp(-(((hour - 17.2) / 1.3) ** 2))
        sunday = (self._sun.local_day(time_s) + 4) % 7 == 0  # 1 January 1970 was a Thursday
        load = (0.04 + 0.45 * day + 0.5 * peaks) * (0.75 if sunday else 1.0)
        return min(1.0, max(0.0, load * (1 + 0.1 * self._noise.smooth(time_s, 420))))


class Air:
    """The air over the province."""

    def __init__(
        self, seed: int, sun: Sun, traffic: Traffic, stations: Mapping[int, AirSeries], count: int
    ) -> None:
        """`stations` holds those of the file's `count` stations that are replayed."""
        self._seed = seed
        self._sun = sun
        self._traffic = traffic
        self._stations = stations
        self._count = count
        self._noise: dict[str, Noise] = {}

    def at(self, time_s: float, station: int, place: str, smoke: float = 0.0) -> Pollution:
        """The air at `place`, which replays series number `station`, with `smoke` µg/m³ of PM2.5 on top.

        PM1 ≤ PM2.5 ≤ PM10 holds always: smoke is fine dust, and a file may contradict itself.
        """
        series = self._stations[station % self._count]
        noise = self._noise.get(place) or self._noise.setdefault(place, Noise(self._seed, f"air/{place}"))
        local_s = self._sun.local(time_s)
        fine = max(0.5, series.pm2_5.at(local_s)) * (1 + 0.05 * noise.smooth(time_s, 180)) + smoke
        coarse = max(0.0, series.pm10.at(local_s) - series.pm2_5.at(local_s))
        traffic = self._traffic.at(time_s)
        stagnant = 0.5 + 0.5 * math.cos(2 * math.pi * (self._sun.local_hour(time_s) - 4) / 24)
        return Pollution(
            pm1=fine * (0.68 + 0.06 * noise.smooth(time_s, 2400)),
            pm2_5=fine,
            pm10=fine + coarse * (1 + 0.08 * noise.smooth(time_s + 7919, 300)) + 0.15 * smoke,
            no2=max(0.0, series.no2.at(local_s) * (1 + 0.06 * noise.smooth(time_s, 240))),
            co2_ppm=418 + 35 * traffic + 45 * stagnant + 6 * noise.smooth(time_s, 90) + 0.4 * smoke,
            noise_db=44 + 24 * traffic + 3 * noise.smooth(time_s, 20),
        )
