"""A water main with its meter, valve and pressure gauge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from simulators.faults import Faults, Kind
from simulators.world.noise import Noise
from simulators.world.water import Demand
from simulators.world.world import World

PIPE_DIAMETER_MM: Final = 100.0
_RANGEABILITY: Final = 50.0
"""Of the valve's equal-percentage curve (IEC 60534)."""
_FRICTION_BAR: Final = 2.6
"""Pressure that a flow of _FRICTION_FLOW loses on its way from the works."""
_FRICTION_FLOW: Final = 85.0
_MIN_STEP_S: Final = 1e-6


@dataclass(frozen=True, slots=True)
class MainState:
    """A main at one time."""

    flow_m3h: float
    """What really flows; the meter may not see it."""
    velocity_m_s: float
    volume_m3: float
    """Total since the meter was set up; only grows."""
    pressure_bar: float
    """In front of the valve."""
    temperature_c: float
    opening_pct: float
    target_pct: float
    valve_stuck: bool
    echo: bool
    """Whether the meter hears its ultrasound."""


class WaterMain:
    """One main."""

    def __init__(
        self, device: str, world: World, faults: Faults, *, demand_m3h: float, travel_s: float, valve: bool
    ) -> None:
        self._device = device
        self._world = world
        self._faults = faults
        self._demand: Demand = world.demand(device, demand_m3h)
        self._full_m3h = 6 * demand_m3h + 60
        """What the open valve lets through at full pressure."""
        self._travel_s = travel_s
        self._has_valve = valve
        self._age_m3 = Noise(world.seed, f"main/{device}").between(5_000, 60_000)
        self._opening_pct = 100.0
        self._target_pct = 100.0
        self._excess_m3 = 0.0
        self._flow_seen = 0.0
        self._as_planned = True
        self._seen_s: float | None = None

    def move_valve(self, target_pct: float, time_s: float) -> None:
        """Send the valve to an opening, 0 … 100 %; it takes its time."""
        self._account(time_s)
        self._target_pct = min(100.0, max(0.0, target_pct))

    def at(self, time_s: float) -> MainState:
        """The main's state."""
        self._account(time_s)
        flow = self._flow(time_s)
        area = math.pi * (PIPE_DIAMETER_MM / 2000) ** 2
        supply = self._world.supply
        return MainState(
            flow_m3h=flow,
            velocity_m_s=flow / 3600 / area,
            volume_m3=self._age_m3 + self._demand.volume_m3(time_s) + self._excess_m3,
            pressure_bar=max(
                0.15, supply.pressure_bar(time_s) - _FRICTION_BAR * (flow / _FRICTION_FLOW) ** 2
            ),
            temperature_c=supply.temperature_c(self._world.weather.at(time_s).temperature_c),
            opening_pct=self._opening_pct,
            target_pct=self._target_pct,
            valve_stuck=self._is_stuck(time_s),
            echo=self._faults.get(Kind.NO_ECHO, self._device, time_s) is None,
        )

    def _is_stuck(self, time_s: float) -> bool:
        return self._has_valve and self._faults.get(Kind.VALVE_STUCK, self._device, time_s) is not None

    def _flow(self, time_s: float) -> float:
        wanted = self._demand.flow_m3h(time_s) + self._faults.strength(Kind.LEAK, self._device, time_s)
        return min(wanted, self._full_m3h * _valve_curve(self._opening_pct / 100))

    def _account(self, time_s: float) -> None:
        """Move the valve and add what flowed otherwise than planned since the last look."""
        if self._seen_s is None or time_s <= self._seen_s + _MIN_STEP_S:
            self._seen_s = max(time_s, self._seen_s or time_s)
            return
        elapsed, self._seen_s = time_s - self._seen_s, time_s
        if not self._is_stuck(time_s):
            reach = 100 * elapsed / self._travel_s
            way = self._target_pct - self._opening_pct
            self._opening_pct += max(-reach, min(reach, way))
        before, self._flow_seen = self._flow_seen, self._flow(time_s)
        was_planned, self._as_planned = self._as_planned, self._flow_seen == self._demand.flow_m3h(time_s)
        if not (was_planned and self._as_planned):
            planned = self._demand.volume_m3(time_s) - self._demand.volume_m3(time_s - elapsed)
            self._excess_m3 += (before + self._flow_seen) / 2 * elapsed / 3600 - planned


def _valve_curve(opening: float) -> float:
    """Share of the full flow through a valve; 0 when shut."""
    low = 1 / _RANGEABILITY
    return (math.pow(_RANGEABILITY, opening - 1) - low) / (1 - low)
