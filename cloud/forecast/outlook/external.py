"""Weather forecast by somebody else: what is asked of a source, and Open-Meteo's JSON as the one real one.

Off unless configured. Its hours are brought to local time; what it lacks is NaN; a file that is not what it
says it is raises `WeatherFault` and the station's own outlook stands alone.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import numpy as np

from cloud.forecast.arrays import DayArray, FloatArray
from cloud.forecast.errors import WeatherFault
from cloud.forecast.weather.files import LOCAL

OPEN_METEO: Final = "https://api.open-meteo.com/v1/forecast"
_FIELDS: Final = ("temperature_2m", "relative_humidity_2m", "precipitation", "wind_speed_10m")
_UNITS: Final = {
    "temperature_2m": ("°C",),
    "relative_humidity_2m": ("%",),
    "precipitation": ("mm",),
    "wind_speed_10m": ("m/s",),
}
_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class ExternalForecast:
    """One run of somebody else's model for one place."""

    issued: np.datetime64
    """When it was fetched, local time (`datetime64[h]`)."""
    hours: DayArray
    temperature: FloatArray
    """°C."""
    humidity: FloatArray
    """Relative humidity, %."""
    rain: FloatArray
    """mm in the hour."""
    wind: FloatArray
    """m/s at 10 m."""

    def at(self, hours: DayArray, values: FloatArray) -> FloatArray:
        """`values` of this forecast at `hours`; NaN where it has none."""
        place = np.searchsorted(self.hours, hours)
        inside = np.minimum(place, len(self.hours) - 1)
        found = self.hours[inside] == hours
        return np.where(found, values[inside], np.nan)


class ForecastSource(Protocol):
    """Fetches forecasts; an installation may bring its own."""

    def fetch(self, latitude: float, longitude: float) -> ExternalForecast:
        """The newest forecast for a place. Raises WeatherFault when there is none to be had."""
        ...


class OpenMeteo:
    """Open-Meteo's forecast API, or a server of one's own that speaks the same format."""

    def __init__(self, url: str = OPEN_METEO, days: int = 4) -> None:
        self._url = url
        self._days = days

    def fetch(self, latitude: float, longitude: float) -> ExternalForecast:
        """The newest forecast for a place. Raises WeatherFault when there is none to be had."""
        import httpx

        parameters: dict[str, str | float] = {
            "latitude": latitude,
            "longitude": longitude,
            "hourly": ",".join(_FIELDS),
            "wind_speed_unit": "ms",
            "timezone": "GMT",
            "forecast_days": self._days,
        }
        try:
            answer = httpx.get(self._url, params=parameters, timeout=_TIMEOUT_S)
            answer.raise_for_status()
        except httpx.HTTPError as failure:
            raise WeatherFault(
                f"{self._url}: no forecast: {failure}; the station's own outlook is used until it answers"
            ) from failure
        return parse_open_meteo(answer.content, datetime.now(UTC))


def parse_open_meteo(body: bytes, fetched: datetime) -> ExternalForecast:
    """Open-Meteo's answer as a forecast.

    Args:
        body: JSON with `hourly`, `hourly_units` and `utc_offset_seconds`.
        fetched: when it was asked for, with time zone.

    Raises:
        WeatherFault: the body is no such answer, its units are others, or its hours have holes.
    """
    try:
        answer: Any = json.loads(body)
        hourly = answer["hourly"]
        units = answer["hourly_units"]
        offset = timedelta(seconds=int(answer["utc_offset_seconds"]))
        times = [datetime.fromisoformat(text).replace(tzinfo=None) - offset for text in hourly["time"]]
        columns = {name: _numbers(name, hourly[name], len(times)) for name in _FIELDS}
    except (ValueError, KeyError, TypeError) as failure:
        raise WeatherFault(
            f"external forecast: not in Open-Meteo's format ({failure!r}); check the configured address"
        ) from failure
    for name, allowed in _UNITS.items():
        if units.get(name) not in allowed:
            raise WeatherFault(
                f"external forecast: {name} comes in {units.get(name)!r}, not {allowed[0]}; "
                "ask for metric units and wind_speed_unit=ms"
            )
    hours: DayArray = np.array([_local(time) for time in times], dtype="datetime64[h]")
    if not len(hours) or (np.diff(hours).astype(int) != 1).any():
        raise WeatherFault("external forecast: its hours have holes or do not rise; it is not used")
    issued = _local(fetched.astimezone(UTC).replace(tzinfo=None))
    return ExternalForecast(
        issued,
        hours,
        columns["temperature_2m"],
        columns["relative_humidity_2m"],
        columns["precipitation"],
        columns["wind_speed_10m"],
    )


def _numbers(name: str, values: list[float | None], count: int) -> FloatArray:
    if len(values) != count:
        raise ValueError(f"{name} has {len(values)} values for {count} hours")
    return np.array([math.nan if value is None else float(value) for value in values])


def _local(utc: datetime) -> np.datetime64:
    offset = LOCAL.utcoffset(None)
    return np.datetime64(utc + offset, "h")
