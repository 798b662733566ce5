"""The world of a simulator, made from its settings and the files they name."""

from __future__ import annotations

from simulators.settings import SimSettings
from simulators.world.air import AirSeries
from simulators.world.series import read_hourly
from simulators.world.world import World, WorldInput


def make_world(settings: SimSettings) -> World:
    """The world; of the air file only the stations that devices replay are read.

    Raises:
        SeriesError: a CSV file cannot be used.
    """
    weather = settings.weather_csv
    series = read_hourly(weather.file, weather.time, [weather.temperature, weather.humidity])
    air = settings.air
    used = {
        number: air.stations[number]
        for device in settings.devices
        if device.device_class == "air_station"
        for number in [device.plant.air_station % len(air.stations)]
    }
    columns = [name for each in used.values() for name in (each.pm2_5, each.pm10, each.no2)]
    polluted = read_hourly(air.file, air.time, columns) if columns else {}
    stations = {
        number: AirSeries(
            pm2_5=polluted[each.pm2_5].scaled(settings.air_factor),
            pm10=polluted[each.pm10].scaled(settings.air_factor),
            no2=polluted[each.no2].scaled(settings.air_factor),
        )
        for number, each in used.items()
    }
    return World(
        WorldInput(
            seed=settings.seed,
            latitude=settings.latitude,
            longitude=settings.longitude,
            hours_from_utc=settings.hours_from_utc,
            temperature=series[weather.temperature],
            humidity=series[weather.humidity],
            air=stations,
            air_stations=len(air.stations),
        )
    )
