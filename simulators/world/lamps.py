"""When lamps burn by plan, and what the low-voltage grid gives them."""

from __future__ import annotations

import math
from typing import Final

from simulators.world.noise import Noise
from simulators.world.sun import Sun

SWITCH_AFTER_SUNSET_S: Final = 10 * 60
SWITCH_BEFORE_SUNRISE_S: Final = 15 * 60


class LampPlan:
    """Street lamps from shortly after sunset to shortly before sunrise, and their hours since an origin."""

    def __init__(self, sun: Sun, origin_s: float) -> None:
        self._sun = sun
        self._first_day = sun.local_day(origin_s)
        self._burnt_before = [0.0]
        """Seconds burnt before the local noon of first day + index."""

    def on(self, time_s: float) -> bool:
        """Whether lamps burn by plan."""
        start, end = self._night(self._noon_day(time_s))
        return start <= time_s < end

    def next_change(self, time_s: float) -> float:
        """When the plan switches next after `time_s`."""
        start, end = self._night(self._noon_day(time_s))
        if time_s < start:
            return start
        return end if time_s < end else self._night(self._noon_day(time_s) + 1)[0]

    def burnt_s(self, time_s: float) -> float:
        """Seconds that a lamp burnt by plan since the origin; 0 before it."""
        day = self._noon_day(time_s)
        index = day - self._first_day
        if index < 0:
            return 0.0
        while len(self._burnt_before) <= index:
            start, end = self._night(self._first_day + len(self._burnt_before) - 1)
            self._burnt_before.append(self._burnt_before[-1] + end - start)
        start, end = self._night(day)
        return self._burnt_before[index] + min(max(time_s - start, 0.0), end - start)

    def _noon_day(self, time_s: float) -> int:
        """The local day at whose noon the present 24 hours began, so that a night is in one piece."""
        return self._sun.local_day(time_s - 43200)

    def _night(self, day: int) -> tuple[float, float]:
        start = self._sun.night_ends(day)[1] + SWITCH_AFTER_SUNSET_S
        return start, self._sun.night_ends(day + 1)[0] - SWITCH_BEFORE_SUNRISE_S


class Grid:
    """The low-voltage grid: voltage sinks with the evening load, frequency wanders a little."""

    def __init__(self, seed: int, sun: Sun) -> None:
        self._sun = sun
        self._seed = seed
        self._frequency = Noise(seed, "grid/frequency")
        self._feeders: dict[str, Noise] = {}

    def voltage(self, time_s: float, feeder: str) -> float:
        """Volt on a feeder."""
        noise = self._feeders.get(feeder) or self._feeders.setdefault(
            feeder, Noise(self._seed, f"grid/{feeder}")
        )
        evening = math.exp(-(((self._sun.local_hour(time_s) - 19.5) / 2.2) ** 2))
        return 230.0 - 6.5 * evening + 2.0 * noise.smooth(time_s, 600) + 0.6 * noise.smooth(time_s, 25)

    def frequency(self, time_s: float) -> float:
        """Hertz."""
        return 50.0 + 0.03 * self._frequency.smooth(time_s, 60)
