"""The whole world of one province: everything that devices measure, from one seed and two files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from simulators.world.air import Air, AirSeries, Traffic
from simulators.world.lamps import Grid, LampPlan
from simulators.world.series import HourlySeries
from simulators.world.soil import SoilBalance, balance
from simulators.world.sun import Sun
from simulators.world.water import Demand, Supply
from simulators.world.weather import Weather

ORIGIN_S: Final = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
"""When all totals of the world began to count."""


@dataclass(frozen=True, slots=True)
class WorldInput:
    """What a world is made from."""

    seed: int
    latitude: float
    longitude: float
    hours_from_utc: float
    temperature: HourlySeries
    humidity: HourlySeries
    air: Mapping[int, AirSeries]
    """By number of the station in its file."""
    air_stations: int
    """Stations in the file; a number beyond them begins again."""


class World:
    """Sun, weather, air, grid and water of the province. Times are UTC seconds since 1970."""

    def __init__(self, given: WorldInput) -> None:
        self.seed = given.seed
        self.sun = Sun(given.latitude, given.longitude, given.hours_from_utc)
        self.weather = Weather(given.seed, self.sun, given.temperature, given.humidity, ORIGIN_S)
        self.traffic = Traffic(given.seed, self.sun)
        self.air = Air(given.seed, self.sun, self.traffic, given.air, given.air_stations)
        self.lamps = LampPlan(self.sun, ORIGIN_S)
        self.grid = Grid(given.seed, self.sun)
        self.supply = Supply(given.seed, self.sun)
        self._first_hour = given.humidity.first_hour
        self._soil = lru_cache(maxsize=256)(self._balance)

    def age_s(self, time_s: float) -> float:
        """Seconds since all totals began to count."""
        return max(0.0, time_s - ORIGIN_S)

    def demand(self, meter: str, mean_m3h: float) -> Demand:
        """What is drawn behind a meter."""
        return Demand(self.seed, meter, mean_m3h, self.sun, ORIGIN_S)

    def soil(self, water_below_pct: float, retention: float) -> SoilBalance:
        """The water balance of a field."""
        return self._soil(water_below_pct, retention)

    def _balance(self, water_below_pct: float, retention: float) -> SoilBalance:
        return balance(self.weather, self._first_hour, water_below_pct, retention)
