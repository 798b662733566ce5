"""Solar and net radiation, FAO-56 chapter 3. Fluxes in MJ/m² per day or hour, places in degrees."""

from __future__ import annotations

from typing import Final

import numpy as np

from cloud.forecast.arrays import ArrayLike, FloatArray

ALBEDO: Final = 0.23
"""Of the reference grass."""

_SOLAR_CONSTANT: Final = 0.0820  # MJ/m² per minute
_BOLTZMANN_DAY: Final = 4.903e-9  # MJ/K⁴/m² per day
_BOLTZMANN_HOUR: Final = _BOLTZMANN_DAY / 24
_KELVIN: Final = 273.16


def _sun(
    latitude: ArrayLike, day_of_year: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Latitude in radians, inverse relative distance, declination, sunset hour angle. Equations 22 to 25."""
    phi = np.radians(np.asarray(latitude, dtype=float))
    season = 2 * np.pi * np.asarray(day_of_year, dtype=float) / 365
    distance = 1 + 0.033 * np.cos(season)
    declination = 0.409 * np.sin(season - 1.39)
    sunset = np.arccos(np.clip(-np.tan(phi) * np.tan(declination), -1, 1))
    return phi, np.asarray(distance), np.asarray(declination), np.asarray(sunset)


def extraterrestrial_daily(latitude: ArrayLike, day_of_year: ArrayLike) -> FloatArray:
    """Radiation above the atmosphere, MJ/m²/d. Equation 21."""
    phi, distance, declination, sunset = _sun(latitude, day_of_year)
    angles = sunset * np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.sin(sunset)
    return np.asarray(24 * 60 / np.pi * _SOLAR_CONSTANT * distance * angles)


def extraterrestrial_hourly(
    latitude: ArrayLike,
    longitude: ArrayLike,
    day_of_year: ArrayLike,
    middle_h: ArrayLike,
    *,
    utc_offset_h: float,
    length_h: float = 1.0,
) -> FloatArray:
    """Radiation above the atmosphere in a period of `length_h`, MJ/m². Equations 28 to 33; 0 at night.

    Args:
        latitude: Degrees north.
        longitude: Degrees east.
        day_of_year: 1–366.
        middle_h: Middle of the period on the local clock, hours (14.5 for 14–15 h).
        utc_offset_h: Local clock ahead of UTC, hours (7 in Vietnam).
        length_h: Length of the period, hours.
    """
    phi, distance, declination, sunset = _sun(latitude, day_of_year)
    b = 2 * np.pi * (np.asarray(day_of_year, dtype=float) - 81) / 364
    correction = 0.1645 * np.sin(2 * b) - 0.1255 * np.cos(b) - 0.025 * np.sin(b)
    solar_h = (
        np.asarray(middle_h, dtype=float)
        + (np.asarray(longitude, dtype=float) - 15 * utc_offset_h) / 15
        + correction
    )
    middle = np.pi / 12 * (solar_h - 12)
    middle = (middle + np.pi) % (2 * np.pi) - np.pi
    half = np.pi * length_h / 24
    begin, end = np.clip(middle - half, -sunset, sunset), np.clip(middle + half, -sunset, sunset)
    angles = (end - begin) * np.sin(phi) * np.sin(declination)
    angles += np.cos(phi) * np.cos(declination) * (np.sin(end) - np.sin(begin))
    return np.asarray(np.maximum(12 * 60 / np.pi * _SOLAR_CONSTANT * distance * angles, 0))


def daylight_hours(latitude: ArrayLike, day_of_year: ArrayLike) -> FloatArray:
    """Longest possible sunshine, h. Equation 34."""
    return np.asarray(24 / np.pi * _sun(latitude, day_of_year)[3])


def solar_from_sunshine(
    extraterrestrial: ArrayLike, sunshine_h: ArrayLike, daylight_h: ArrayLike
) -> FloatArray:
    """Radiation at the ground from hours of sunshine, MJ/m²/d. Equation 35 with 0.25 and 0.50."""
    share = np.asarray(sunshine_h, dtype=float) / np.asarray(daylight_h, dtype=float)
    return np.asarray((0.25 + 0.5 * share) * np.asarray(extraterrestrial, dtype=float))


def clear_sky(extraterrestrial: ArrayLike, altitude: float) -> FloatArray:
    """Radiation at the ground under a clear sky; `altitude` in m. Equation 37."""
    return np.asarray((0.75 + 2e-5 * altitude) * np.asarray(extraterrestrial, dtype=float))


def clear_share(solar: ArrayLike, clear: ArrayLike) -> FloatArray:
    """Measured over clear-sky radiation, at most 1; in the night the last daylight value holds.

    Hours along the first axis. NaN before the first daylight hour: the cloud of that night is not known.
    """
    solar, clear = np.asarray(solar, dtype=float), np.asarray(clear, dtype=float)
    bright = clear > 0.1 * np.nanmax(clear, initial=0.0)
    share = np.where(bright, np.minimum(solar / np.where(bright, clear, 1), 1), np.nan)
    for hour in range(1, len(share)):
        share[hour] = np.where(bright[hour], share[hour], share[hour - 1])
    return share


def net_shortwave(solar: ArrayLike) -> FloatArray:
    """What the reference grass keeps of the solar radiation. Equation 38."""
    return np.asarray((1 - ALBEDO) * np.asarray(solar, dtype=float))


def net_longwave_daily(
    temperature_max: ArrayLike, temperature_min: ArrayLike, pressure: ArrayLike, share: ArrayLike
) -> FloatArray:
    """Outgoing longwave radiation, MJ/m²/d; `pressure` of vapour, kPa, `share` of clear sky. Equation 39."""
    highest = (np.asarray(temperature_max, dtype=float) + _KELVIN) ** 4
    lowest = (np.asarray(temperature_min, dtype=float) + _KELVIN) ** 4
    return _BOLTZMANN_DAY * (highest + lowest) / 2 * _sky(pressure, share)


def net_longwave_hourly(temperature: ArrayLike, pressure: ArrayLike, share: ArrayLike) -> FloatArray:
    """Outgoing longwave radiation, MJ/m²/h; arguments as for the day. Equation 39."""
    return _BOLTZMANN_HOUR * (np.asarray(temperature, dtype=float) + _KELVIN) ** 4 * _sky(pressure, share)


def _sky(pressure: ArrayLike, share: ArrayLike) -> FloatArray:
    humid = 0.34 - 0.14 * np.sqrt(np.asarray(pressure, dtype=float))
    cloud = 1.35 * np.minimum(np.asarray(share, dtype=float), 1) - 0.35
    return np.asarray(humid * cloud)
