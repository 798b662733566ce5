"""An air-quality station, over which smoke may drift."""

from __future__ import annotations

import math
from typing import Final

from simulators.faults import Faults, Kind
from simulators.world.air import Pollution
from simulators.world.noise import Noise
from simulators.world.world import World

_RISE_S: Final = 4.0
_FADE_S: Final = 40.0


class AirStation:
    """One station."""

    def __init__(self, device: str, world: World, faults: Faults, *, series: int) -> None:
        self._device = device
        self._world = world
        self._faults = faults
        self._series = series
        self._noise = Noise(world.seed, f"station/{device}")
        self._smoke = 0.0
        self._seen_s: float | None = None

    def air(self, time_s: float) -> Pollution:
        """The air at the station."""
        return self._world.air.at(time_s, self._series, self._device, self._smoke_now(time_s))

    def air_temperature_c(self, time_s: float) -> float:
        """Temperature of the air in the station's own street."""
        return self._world.weather.at(time_s).temperature_c + self._noise.between(-0.2, 0.9)

    def air_humidity_pct(self, time_s: float) -> float:
        """Relative humidity of the air in the station's own street, %."""
        return self._world.weather.at(time_s).humidity_pct

    def _smoke_now(self, time_s: float) -> float:
        """Smoke comes within seconds and fades within minutes, µg/m³."""
        target = self._faults.strength(Kind.SMOKE, self._device, time_s)
        elapsed = max(0.0, time_s - self._seen_s) if self._seen_s is not None else 0.0
        self._seen_s = max(time_s, self._seen_s or time_s)
        pace = _RISE_S if target > self._smoke else _FADE_S
        self._smoke = target + (self._smoke - target) * math.exp(-elapsed / pace)
        return self._smoke if self._smoke > 0.01 else 0.0
