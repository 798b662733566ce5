"""Checks of weather before a model sees it: what cannot be right is refused, what is doubtful is flagged."""

from __future__ import annotations

from typing import Final

import numpy as np

from cloud.forecast.arrays import BoolArray, DayArray, FloatArray, IntArray
from cloud.forecast.errors import WeatherFault
from cloud.forecast.weather.flags import Doubt, Flag
from cloud.forecast.weather.series import DailyWeather, HourlyWeather

FROZEN_DAYS: Final = 5
"""So many equal daily means in a row are doubtful."""
FROZEN_HOURS: Final = 12
"""So many equal hourly temperatures in a row are doubtful."""
FROZEN_HUMIDITY_HOURS: Final = 24
"""The same for humidity, which moves little in a damp night."""
FROZEN_SATURATED_HOURS: Final = 48
"""The same from 99 % on, where humidity may truly stand through a wet night and day."""

_RANGES: Final = {
    "temperature": (-40.0, 55.0, "°C"),
    "humidity": (0.0, 105.0, "%"),
    "rain": (0.0, 2000.0, "mm"),
    "wind": (0.0, 90.0, "m/s"),
    "wet hours": (0.0, 24.0, "h"),
    "wetness": (0.0, 1.0, "share of the hour"),
}
_MISSING_CODES: Final = (-99.0, -99.9, -999.0, -9999.0, 9999.0, 999.9)


def check_daily(weather: DailyWeather, *, wet_hours: bool = False) -> list[Flag]:
    """Refuse daily weather that cannot be right; name what is doubtful.

    Args:
        weather: The days that the model will use.
        wet_hours: Whether it will use the wetness hours; otherwise humidity and rain must be sound.

    Raises:
        WeatherFault: a unit is wrong (°F, kelvin, humidity 0–1), or a value is no weather.
    """
    _check_temperature(weather.days, weather.temperature)
    _check_humidity(weather.days, weather.humidity)
    _check_range("rain", weather.days, weather.rain)
    columns = {"temperature": weather.temperature, "humidity": weather.humidity, "rain": weather.rain}
    if wet_hours:
        if weather.wet_hours is None:
            raise WeatherFault(
                "weather: there is no column of wetness hours; add W (0–24 h a day), or use binary wetness"
            )
        _check_range("wet hours", weather.days, weather.wet_hours)
        columns = {"temperature": weather.temperature, "wet hours": weather.wet_hours}
    flags = _gaps(weather.days, columns)
    flags += _frozen("temperature", weather.days, weather.temperature, FROZEN_DAYS)
    flags += _frozen("humidity", weather.days, weather.humidity, FROZEN_DAYS)
    flags += _rain_unit(weather)
    return flags


def check_hourly(weather: HourlyWeather) -> list[Flag]:
    """Refuse hourly weather that cannot be right; name what is doubtful. Raises as `check_daily`."""
    hours = weather.hours
    _check_temperature(hours, weather.temperature)
    _check_humidity(hours, weather.humidity)
    columns = {"temperature": weather.temperature, "humidity": weather.humidity}
    for name, values in (("rain", weather.rain), ("wind", weather.wind), ("wetness", weather.wetness)):
        if values is not None:
            _check_range(name, hours, values)
            columns[name] = values
    flags = _gaps(hours, columns)
    flags += _frozen("temperature", hours, weather.temperature, FROZEN_HOURS)
    saturated = weather.humidity >= 99
    flags += _frozen("humidity", hours, np.where(saturated, np.nan, weather.humidity), FROZEN_HUMIDITY_HOURS)
    flags += _frozen("humidity", hours, np.where(saturated, weather.humidity, np.nan), FROZEN_SATURATED_HOURS)
    return flags + _time_zone(hours, weather.temperature)


def _check_temperature(times: DayArray, values: FloatArray) -> None:
    known = values[~np.isnan(values)]
    if len(known):
        middle = float(np.median(known))
        if middle > 150:
            raise WeatherFault(f"temperature: half of the values exceed {middle:.0f}: kelvin? Convert to °C")
        if middle > 42:
            raise WeatherFault(
                f"temperature: half of the values exceed {middle:.0f}: degrees Fahrenheit? Convert to °C"
            )
    _check_range("temperature", times, values)


def _check_humidity(times: DayArray, values: FloatArray) -> None:
    known = values[~np.isnan(values)]
    if len(known) and float(known.max()) <= 1.5 and float(known.min()) >= 0:
        raise WeatherFault(
            f"humidity: no value exceeds {float(known.max()):g}: a fraction 0–1? Convert to percent"
        )
    _check_range("humidity", times, values)


def _check_range(name: str, times: DayArray, values: FloatArray) -> None:
    lowest, highest, unit = _RANGES[name]
    wrong = (values < lowest) | (values > highest)
    if not wrong.any():
        return
    at = int(np.argmax(wrong))
    value = float(values[at])
    if value in _MISSING_CODES:
        raise WeatherFault(
            f"{name}: {value:g} at {times[at]} looks like a code for a missing value; leave the cell empty"
        )
    raise WeatherFault(
        f"{name}: {value:g} at {times[at]} is outside {lowest:g} to {highest:g} {unit}; "
        "correct the unit or leave the cell empty"
    )


def _gaps(times: DayArray, columns: dict[str, FloatArray]) -> list[Flag]:
    flags = []
    for name, values in columns.items():
        missing = np.isnan(values)
        if missing.any():
            flags.append(Flag(Doubt.GAPS, name, int(missing.sum()), str(times[int(np.argmax(missing))])))
    return flags


def _frozen(name: str, times: DayArray, values: FloatArray, limit: int) -> list[Flag]:
    """The longest run of equal values, if it is too long to be weather."""
    starts, lengths = _runs(values[1:] == values[:-1])
    if not len(lengths) or int(lengths.max()) + 1 < limit:
        return []
    longest = int(np.argmax(lengths))
    return [Flag(Doubt.FROZEN, name, int(lengths[longest]) + 1, str(times[starts[longest]]))]


def _runs(true: BoolArray) -> tuple[IntArray, IntArray]:
    """Starts and lengths of the runs of True."""
    edges = np.diff(np.concatenate(([0], true.astype(int), [0])))
    starts = np.flatnonzero(edges == 1).astype(np.int64)
    return starts, np.flatnonzero(edges == -1).astype(np.int64) - starts


def _rain_unit(weather: DailyWeather) -> list[Flag]:
    """Many days of rain, none above 1 mm: metres or inches."""
    raining = weather.rain > 0
    count = int(raining.sum())
    if count < 20 or float(np.nanmax(weather.rain)) >= 1:
        return []
    return [Flag(Doubt.RAIN_UNIT, "rain", count, str(weather.days[int(np.argmax(raining))]))]


def _time_zone(hours: DayArray, temperature: FloatArray) -> list[Flag]:
    """Whether the daily wave of temperature peaks outside 10 to 18 h, which no local clock shows."""
    known = ~np.isnan(temperature)
    if int(known.sum()) < 72:
        return []
    clock = hours.astype(int) % 24
    angle = 2 * np.pi * clock[known] / 24
    wave = np.column_stack((np.ones_like(angle), np.cos(angle), np.sin(angle)))
    _, cosine, sine = np.linalg.lstsq(wave, temperature[known], rcond=None)[0]
    if np.hypot(cosine, sine) < 0.5:
        return []
    peak = float(np.arctan2(sine, cosine) * 24 / (2 * np.pi)) % 24
    if 10 <= peak <= 18:
        return []
    return [Flag(Doubt.TIME_ZONE, "temperature", round(peak) % 24, str(hours[0]))]
