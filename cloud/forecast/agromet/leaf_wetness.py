"""Leaf wetness, hour by hour: from a sensor, from rain, by a published rule; each hour says which it was."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloud.forecast.agromet.humidity import dew_point_depression
from cloud.forecast.agromet.wind import wind_at
from cloud.forecast.arrays import ArrayLike, FloatArray
from cloud.forecast.weather.series import HourlyWeather

HUMIDITY_LIMIT: Final = 90.0
"""From this relative humidity on the simple rule calls a leaf wet, %."""
RAIN_LIMIT: Final = 0.2
"""From this rain in an hour on a leaf is wet, mm."""
CANOPY_M: Final = 0.3
"""Height at which the CART/SLD/Wind rule wants the wind."""


class Source(IntEnum):
    """Where an hour's wetness comes from."""

    UNKNOWN = 0
    SENSOR = 1
    RAIN = 2
    CART = 3
    HUMIDITY = 4


@dataclass(frozen=True, slots=True)
class LeafWetness:
    """One row an hour."""

    wet: FloatArray
    """1 wet, 0 dry, NaN not known."""
    source: NDArray[np.int8]
    """`Source` of each hour."""

    def shares(self) -> dict[str, int]:
        """Hours by source, for the reader of a forecast."""
        return {each.name.lower(): int((self.source == each).sum()) for each in Source}


@dataclass(frozen=True, slots=True)
class CartJudgement:
    """The CART/SLD/Wind rule with its inner figures."""

    wet: FloatArray
    """1 wet, 0 dry, NaN not known."""
    depression: FloatArray
    """Dew point depression, °C; dry from 3.7 on."""
    calm_score: FloatArray
    """Wet above 14.4674, where the wind is below 2.5 m/s."""
    windy_score: FloatArray
    """Wet above 37.0, where the wind is 2.5 m/s or more and humidity at least 87.8 %."""


def humidity_rule(humidity: ArrayLike, limit: float = HUMIDITY_LIMIT) -> FloatArray:
    """1 where relative humidity reaches `limit` %, 0 where not, NaN where it is not known."""
    percent = np.asarray(humidity, dtype=float)
    return np.where(np.isnan(percent), np.nan, (percent >= limit).astype(float))


def cart_sld_wind(temperature: ArrayLike, humidity: ArrayLike, canopy_wind: ArrayLike) -> CartJudgement:
    """The rule of Kim, Taylor, Gleason and Koehler 2002 (Plant Disease 86:179).

    Args:
        temperature: °C; below 0 the rule does not apply and the hour is unknown.
        humidity: %.
        canopy_wind: m/s at the canopy (0.3 m), see `wind_at`. The height matters more than any coefficient.
    """
    celsius, percent = np.asarray(temperature, dtype=float), np.asarray(humidity, dtype=float)
    wind = np.asarray(canopy_wind, dtype=float)
    depression = dew_point_depression(celsius, percent)
    root = np.sqrt(np.where(celsius >= 0, celsius, np.nan))
    calm = (
        1.6064 * root + 0.0036 * celsius**2 + 0.1531 * percent
        - 0.4599 * wind * depression - 0.0035 * celsius * percent
    )  # fmt: skip
    windy = (
        0.7921 * root + 0.0046 * percent - 2.3889 * wind
        - 0.0390 * celsius * wind + 1.0613 * wind * depression
    )  # fmt: skip
    humid = np.where(wind < 2.5, calm > 14.4674, (percent >= 87.8) & (windy > 37.0))
    wet = np.where(depression >= 3.7, 0.0, humid.astype(float))
    return CartJudgement(np.where(np.isnan(calm), np.nan, wet), depression, calm, windy)


def estimate(
    weather: HourlyWeather, *, wind_height_m: float | None, canopy_m: float = CANOPY_M
) -> LeafWetness:
    """Wetness of every hour from the best that the station offers.

    A sensor's word comes first. Without it an hour of rain is wet; otherwise CART/SLD/Wind judges where the
    wind is known, and the humidity rule where it is not. An hour about which nothing is known stays unknown.

    Args:
        weather: The station's hours.
        wind_height_m: Height of the anemometer, m; None if the wind is of no use.
        canopy_m: Height to which the wind is brought, m.

    Raises:
        ModelInputFault: a height at which the wind profile says nothing.
    """
    count = len(weather.hours)
    wet, source = np.full(count, np.nan), np.zeros(count, dtype=np.int8)

    def take(values: FloatArray, origin: Source) -> None:
        use = np.isnan(wet) & ~np.isnan(values)
        wet[use] = values[use]
        source[use] = origin

    if weather.wetness is not None:
        sensor = np.where(np.isnan(weather.wetness), np.nan, (weather.wetness >= 0.5).astype(float))
        take(sensor, Source.SENSOR)
    if weather.rain is not None:
        take(np.where(weather.rain >= RAIN_LIMIT, 1.0, np.nan), Source.RAIN)
    if weather.wind is not None and wind_height_m is not None:
        canopy_wind = wind_at(weather.wind, wind_height_m, canopy_m)
        take(cart_sld_wind(weather.temperature, weather.humidity, canopy_wind).wet, Source.CART)
    take(humidity_rule(weather.humidity), Source.HUMIDITY)
    return LeafWetness(wet, source)
