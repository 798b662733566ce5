"""Drinking water: what the households behind a meter draw, and the pressure that the works give."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

from simulators.world.noise import Noise
from simulators.world.sun import Sun

_HOURS: Final = (
    0.36, 0.28, 0.24, 0.24, 0.40, 0.85, 1.55, 1.75, 1.45, 1.20, 1.15, 1.20,
    1.15, 0.95, 0.90, 0.95, 1.15, 1.45, 1.65, 1.60, 1.35, 1.00, 0.70, 0.49,
)  # fmt: skip
"""Demand at each full hour relative to the day's mean; the night keeps what seeps and drips."""
_DAY_STARTS_AT_S: Final = 3 * 3600
"""Daily demand steps from one day's level to the next at 03:00, where it is smallest."""
_RIPPLES: Final = ((0.06, 9), (0.05, 23), (0.04, 61))
"""Amplitude and turns a day of the households' coming and going."""


class Demand:
    """What is drawn behind one meter: its flow, and the exact integral of that flow."""

    def __init__(self, seed: int, meter: str, mean_m3h: float, sun: Sun, origin_s: float) -> None:
        self._noise = Noise(seed, f"water/{meter}")
        self._mean = mean_m3h
        self._sun = sun
        self._first_day = self._water_day(origin_s)
        self._level_before = [0.0]
        self._level = lru_cache(maxsize=64)(self._daily_level)

    def flow_m3h(self, time_s: float) -> float:
        """m³/h at a time."""
        phase = self._phase(time_s)
        shape = _pattern(phase) + sum(
            size * math.cos(2 * math.pi * turns * phase / 24 + self._shift(turns)) for size, turns in _RIPPLES
        )
        return self._mean * self._level(self._water_day(time_s)) * shape

    def volume_m3(self, time_s: float) -> float:
        """m³ since the origin; 0 before it."""
        day = self._water_day(time_s)
        index = day - self._first_day
        if index < 0:
            return 0.0
        while len(self._level_before) <= index:
            level = self._level(self._first_day + len(self._level_before) - 1)
            self._level_before.append(self._level_before[-1] + level)
        today = self._level(day) * self._drawn(self._phase(time_s))
        return self._mean * (self._level_before[index] * 24.0 + today)

    def _drawn(self, phase: float) -> float:
        """Integral of the day's shape from the day's start to `phase`, hours."""
        total = _pattern_integral(phase)
        for size, turns in _RIPPLES:
            speed = 2 * math.pi * turns / 24
            shift = self._shift(turns)
            total += size / speed * (math.sin(speed * phase + shift) - math.sin(shift))
        return total

    def _daily_level(self, day: int) -> float:
        """The day's demand relative to the mean: weekends draw more, and no two days are equal."""
        weekend = (day + 3) % 7 >= 5  # 1 January 1970 was a Thursday
        return (1.12 if weekend else 1.0) * self._noise.between(0.94, 1.06, day)

    def _shift(self, turns: int) -> float:
        return 2 * math.pi * self._noise.uniform(-turns)

    def _water_day(self, time_s: float) -> int:
        return self._sun.local_day(time_s - _DAY_STARTS_AT_S)

    def _phase(self, time_s: float) -> float:
        """Hours since the water day began."""
        return self._sun.local_hour(time_s - _DAY_STARTS_AT_S)


def _pattern(phase: float) -> float:
    hour = math.floor(phase)
    first, second = _HOURS[(hour + 3) % 24], _HOURS[(hour + 4) % 24]
    return (first + (second - first) * (phase - hour)) / _MEAN


def _pattern_integral(phase: float) -> float:
    hour = math.floor(phase)
    return _WHOLE_HOURS[hour] + (_pattern(hour) + _pattern(phase)) / 2 * (phase - hour)


_MEAN: Final = sum(_HOURS) / 24
_WHOLE_HOURS: Final = tuple(
    sum((_HOURS[(hour + 3) % 24] + _HOURS[(hour + 4) % 24]) / 2 / _MEAN for hour in range(count))
    for count in range(25)
)


class Supply:
    """The pressure that the works hold in the mains: lower when the whole town draws."""

    def __init__(self, seed: int, sun: Sun) -> None:
        self._noise = Noise(seed, "water/pressure")
        self._sun = sun

    def pressure_bar(self, time_s: float) -> float:
        """Bar in a main without flow."""
        town = _pattern(self._sun.local_hour(time_s - _DAY_STARTS_AT_S))
        return (
            3.9 - 0.45 * town + 0.06 * self._noise.smooth(time_s, 900) + 0.02 * self._noise.smooth(time_s, 20)
        )

    def temperature_c(self, air_c: float) -> float:
        """Temperature of buried pipes' water: half way between the ground's mean and the air."""
        return 27.0 + 0.25 * (air_c - 27.0)
