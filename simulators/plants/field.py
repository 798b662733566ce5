"""A field with its soil and its irrigation valve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from simulators.plants.switch import Switch
from simulators.world.noise import Noise
from simulators.world.soil import IRRIGATION_MM_H, ROOT_DEPTH_MM, SoilBalance
from simulators.world.sun import HOUR_S
from simulators.world.world import World

_MEMORY_S: Final = 2.5 * 86400
"""How fast water that a command added, or held back, evens out."""


@dataclass(frozen=True, slots=True)
class SoilState:
    """A field's soil at 10 cm at one time."""

    moisture_pct: float
    temperature_c: float
    conductivity_us_cm: float
    ph: float
    nitrogen_mg_kg: float
    phosphorus_mg_kg: float
    potassium_mg_kg: float
    salinity_mg_l: float
    dissolved_mg_l: float
    watered: bool


@dataclass(frozen=True, slots=True)
class _TimerPlan:
    balance: SoilBalance
    world: World

    def on(self, time_s: float) -> bool:
        return bool(self.balance.watered[self.world.weather.index(time_s)])

    def next_change(self, time_s: float) -> float:
        now = self.on(time_s)
        full_hour = (math.floor(time_s / HOUR_S) + 1) * HOUR_S
        for hour in range(self.world.weather.hours):
            if self.on(full_hour + hour * HOUR_S) != now:
                return full_hour + hour * HOUR_S
        return math.inf

    def on_s(self, start_s: float, end_s: float) -> float:
        total = 0.0
        while start_s < end_s:
            step = min(end_s, self.next_change(start_s))
            total += (step - start_s) * self.on(start_s)
            start_s = step
        return total


class Field:
    """One field."""

    def __init__(self, device: str, world: World, *, water_below_pct: float) -> None:
        noise = Noise(world.seed, f"field/{device}")
        self._noise = noise
        self._world = world
        self._balance = world.soil(water_below_pct, retention=noise.between(0.85, 1.15, 1))
        self._switch = Switch(_TimerPlan(self._balance, world))
        self._salt = noise.between(620, 1350, 2)
        self._ph = noise.between(5.4, 6.9, 3)
        self._food = tuple(noise.between(low, high, 4 + i) for i, (low, high) in enumerate(_NUTRIENTS))
        self._excess_pct = 0.0
        self._seen_s: float | None = None

    def set(self, on: bool, time_s: float) -> None:
        """Open or close the irrigation valve; the timer moves it again at its next time."""
        self._account(time_s)
        self._switch.set(on, time_s)

    def pulse(self, on: bool, time_s: float, duration_s: float) -> None:
        """Open or close the irrigation valve for some time."""
        self._account(time_s)
        self._switch.pulse(on, time_s, duration_s)

    def is_on(self, time_s: float) -> bool:
        """Whether the irrigation valve is open."""
        return self._switch.is_on(time_s)

    def at(self, time_s: float) -> SoilState:
        """The soil's state."""
        self._account(time_s)
        weather = self._world.weather
        planned = self._balance.moisture_at(weather.index(time_s), (time_s / HOUR_S) % 1.0)
        moisture = min(50.0, max(4.0, planned + self._excess_pct))
        lag = weather.at(time_s - 2 * HOUR_S)
        warmth = 27.5 + 0.45 * (lag.temperature_c - 27.5) + 0.0015 * lag.irradiance_w_m2
        conductivity = self._salt * (0.55 + moisture / 55) * (1 + 0.02 * (warmth - 25)) ** 0.5
        wander = 1 + 0.03 * self._noise.smooth(time_s, 6 * HOUR_S)
        nitrogen, phosphorus, potassium = (level * wander for level in self._food)
        return SoilState(
            moisture_pct=moisture,
            temperature_c=warmth,
            conductivity_us_cm=conductivity,
            ph=self._ph + 0.05 * self._noise.smooth(time_s, 8 * HOUR_S),
            nitrogen_mg_kg=nitrogen,
            phosphorus_mg_kg=phosphorus,
            potassium_mg_kg=potassium,
            salinity_mg_l=0.55 * conductivity,
            dissolved_mg_l=0.50 * conductivity,
            watered=self.is_on(time_s),
        )

    def air_temperature_c(self, time_s: float) -> float:
        """Temperature of the air over the field."""
        return self._world.weather.at(time_s).temperature_c + 0.3 * self._noise.smooth(time_s, 300)

    def air_humidity_pct(self, time_s: float) -> float:
        """Relative humidity of the air over the field, %."""
        return min(100.0, self._world.weather.at(time_s).humidity_pct + 2.0)

    def _account(self, time_s: float) -> None:
        """Water that commands gave or withheld since the last look; it evens out within days."""
        if self._seen_s is None or time_s <= self._seen_s:
            self._seen_s = max(time_s, self._seen_s or time_s)
            return
        start, self._seen_s = self._seen_s, time_s
        given_mm = IRRIGATION_MM_H * self._switch.excess_s(start, time_s) / HOUR_S
        kept = math.exp(-(time_s - start) / _MEMORY_S)
        self._excess_pct = self._excess_pct * kept + given_mm * 100 / ROOT_DEPTH_MM


_NUTRIENTS: Final = ((28.0, 75.0), (12.0, 34.0), (70.0, 160.0))
"""Nitrogen, phosphorus and potassium of the region's sandy soils, mg/kg."""
