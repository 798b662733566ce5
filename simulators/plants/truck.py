"""A waste truck on its round, as a GNSS receiver sees it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from simulators.faults import Faults, Kind
from simulators.world.noise import Noise
from simulators.world.routes import Fix, Route, Timetable, moved
from simulators.world.world import World

_DRIFT_M_S: Final = 9.0
"""How fast a truck leaves its route, and comes back."""
_INLAND: Final = (-math.sqrt(0.5), math.sqrt(0.5))
"""East and north of the direction away from the coast."""


@dataclass(frozen=True, slots=True)
class Reception:
    """What the receiver reports at one time."""

    fix: Fix | None
    """None without satellites."""
    altitude_m: float
    hdop: float
    satellites: int


class Truck:
    """One truck."""

    def __init__(self, device: str, world: World, faults: Faults, *, route: Route) -> None:
        self._device = device
        self._faults = faults
        self._timetable = Timetable(world.seed, device, route, world.sun)
        self._noise = Noise(world.seed, f"gnss/{device}")
        self._aside_m = 0.0
        self._seen_s: float | None = None

    def at(self, time_s: float) -> Reception:
        """What the receiver reports."""
        planned = self._timetable.at(time_s)
        aside, drift = self._drift(time_s)
        east = aside * _INLAND[0] + 1.8 * self._noise.smooth(time_s, 40)
        north = aside * _INLAND[1] + 1.8 * self._noise.smooth(time_s + 1e6, 40)
        fix = _turned(moved(planned, east, north), drift)
        lost = self._faults.get(Kind.NO_FIX, self._device, time_s) is not None
        sky = 0.5 + 0.5 * self._noise.smooth(time_s, 600)
        return Reception(
            fix=None if lost else fix,
            altitude_m=6.0 + 3.0 * self._noise.smooth(time_s, 90),
            hdop=99.9 if lost else 0.7 + 0.9 * (1 - sky),
            satellites=0 if lost else 7 + round(7 * sky),
        )

    def _drift(self, time_s: float) -> tuple[float, float]:
        """Metres aside of the route, and the speed of that, m/s."""
        target = self._faults.strength(Kind.OFF_ROUTE, self._device, time_s)
        elapsed = max(0.0, time_s - self._seen_s) if self._seen_s is not None else 0.0
        self._seen_s = max(time_s, self._seen_s or time_s)
        way = target - self._aside_m
        step = max(-_DRIFT_M_S * elapsed, min(_DRIFT_M_S * elapsed, way))
        self._aside_m += step
        return self._aside_m, math.copysign(_DRIFT_M_S, way) if abs(way) > 1 else 0.0


def _turned(fix: Fix, drift_m_s: float) -> Fix:
    """The fix with the drift in its speed and heading."""
    if not drift_m_s:
        return fix
    heading = math.radians(fix.heading_deg)
    east = fix.speed_m_s * math.sin(heading) + drift_m_s * _INLAND[0]
    north = fix.speed_m_s * math.cos(heading) + drift_m_s * _INLAND[1]
    return Fix(
        fix.latitude, fix.longitude, math.hypot(east, north), math.degrees(math.atan2(east, north)) % 360
    )
