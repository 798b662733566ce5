"""The world of a simulator, made from its settings and the files they name."""

from __future__ import annotations

from simulators.settings import SimSettings
from simulators.world.air import AirSeries
from simulators.world.series import read_hourly
from simulators.world.world import World, WorldInput


def make_world(settings: SimSettings) -> World:
    """The world. Raises SeriesError where a CSV file cannot be used."""
    weather = settings.weather_csv
    series = read_hourly(weather.file, weather.time, [weather.temperature, weather.humidity])
    air = settings.air
    columns = [name for each in air.stations for name in (each.pm2_5, each.pm10, each.no2)]
    polluted = read_hourly(air.file, air.time, columns)
    stations = [
        AirSeries(
            pm2_5=polluted[each.pm2_5].scaled(settings.air_factor),
            pm10=polluted[each.pm10].scaled(settings.air_factor),
            no2=polluted[each.no2].scaled(settings.air_factor),
        )
        for each in air.stations
    ]
    return World(
        WorldInput(
            seed=settings.seed,
            latitude=settings.latitude,
            longitude=settings.longitude,
            hours_from_utc=settings.hours_from_utc,
            temperature=series[weather.temperature],
            humidity=series[weather.humidity],
            air=stations,
        )
    )
