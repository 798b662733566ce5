"""Weather as the models take it; NaN marks what is not known, and stays NaN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cloud.forecast.arrays import BoolArray, DayArray, FloatArray
from cloud.forecast.errors import WeatherFault


@dataclass(frozen=True, slots=True)
class DailyWeather:
    """One place, one row a day; days rise, but may be missing."""

    days: DayArray
    temperature: FloatArray
    """Mean air temperature, °C."""
    humidity: FloatArray
    """Mean relative humidity, %."""
    rain: FloatArray
    """mm."""
    wet_hours: FloatArray | None = None
    """Hours of leaf wetness, 0–24; None where the source has none."""

    def window(self, first: np.datetime64, count: int) -> DailyWeather:
        """`count` days from `first` on without a hole: days that are missing come as NaN."""
        days = first + np.arange(count)
        at = np.searchsorted(self.days, days)
        found = (at < len(self.days)) & (self.days[np.minimum(at, len(self.days) - 1)] == days)

        def column(values: FloatArray) -> FloatArray:
            taken = np.full(count, np.nan)
            taken[found] = values[at[found]]
            return taken

        return DailyWeather(
            days=days,
            temperature=column(self.temperature),
            humidity=column(self.humidity),
            rain=column(self.rain),
            wet_hours=None if self.wet_hours is None else column(self.wet_hours),
        )


@dataclass(frozen=True, slots=True)
class HourlyWeather:
    """One place, one row an hour of local time; hours rise without a hole, unknown values are NaN."""

    hours: DayArray
    """Start of each hour, local time (`datetime64[h]`)."""
    temperature: FloatArray
    """Air temperature, °C."""
    humidity: FloatArray
    """Relative humidity, %."""
    wind: FloatArray | None = None
    """Wind speed, m/s, at the height that the caller knows."""
    rain: FloatArray | None = None
    """mm in the hour."""
    wetness: FloatArray | None = None
    """Share of the hour that a leaf-wetness sensor was wet, 0–1."""

    @classmethod
    def regular(
        cls,
        hours: DayArray,
        temperature: FloatArray,
        humidity: FloatArray,
        *,
        wind: FloatArray | None = None,
        rain: FloatArray | None = None,
        wetness: FloatArray | None = None,
    ) -> HourlyWeather:
        """Rows of an irregular record laid on every hour from first to last; missing hours become NaN.

        Raises:
            WeatherFault: there is no row, or hours do not rise.
        """
        if not len(hours):
            raise WeatherFault("weather: there is no row; give at least one hour")
        stamps = hours.astype("datetime64[h]")
        steps = np.diff(stamps).astype(int)
        if (steps <= 0).any():
            at = stamps[int(np.argmax(steps <= 0)) + 1]
            raise WeatherFault(f"weather: the hours do not rise at {at}; sort the rows and drop doubles")
        grid = stamps[0] + np.arange(int((stamps[-1] - stamps[0]).astype(int)) + 1)
        places = (stamps - stamps[0]).astype(int)

        def column(values: FloatArray) -> FloatArray:
            laid = np.full(len(grid), np.nan)
            laid[places] = values
            return laid

        return cls(
            hours=grid,
            temperature=column(temperature),
            humidity=column(humidity),
            wind=None if wind is None else column(wind),
            rain=None if rain is None else column(rain),
            wetness=None if wetness is None else column(wetness),
        )

    @property
    def known(self) -> BoolArray:
        """Hours whose temperature and humidity are both known."""
        return ~(np.isnan(self.temperature) | np.isnan(self.humidity))
