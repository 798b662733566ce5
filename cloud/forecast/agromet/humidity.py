"""Humidity of air: vapour pressures, deficit, dew point. Pressures kPa, temperatures °C, humidity %."""

from __future__ import annotations

import numpy as np

from cloud.forecast.arrays import ArrayLike, FloatArray


def saturation_vapour_pressure(temperature: ArrayLike) -> FloatArray:
    """Over water, kPa. FAO-56 equation 11."""
    celsius = np.asarray(temperature, dtype=float)
    return np.asarray(0.6108 * np.exp(17.27 * celsius / (celsius + 237.3)))


def saturation_slope(temperature: ArrayLike) -> FloatArray:
    """Slope of the saturation curve, kPa/°C. FAO-56 equation 13."""
    celsius = np.asarray(temperature, dtype=float)
    return np.asarray(4098 * saturation_vapour_pressure(celsius) / (celsius + 237.3) ** 2)


def vapour_pressure(temperature: ArrayLike, humidity: ArrayLike) -> FloatArray:
    """Actual vapour pressure from temperature and relative humidity of the same moment, kPa."""
    return np.asarray(saturation_vapour_pressure(temperature) * np.asarray(humidity, dtype=float) / 100)


def daily_vapour_pressure(
    temperature_max: ArrayLike, temperature_min: ArrayLike, humidity_max: ArrayLike, humidity_min: ArrayLike
) -> FloatArray:
    """Mean actual vapour pressure of a day from its extremes, kPa. FAO-56 equation 17."""
    morning = vapour_pressure(temperature_min, humidity_max)
    afternoon = vapour_pressure(temperature_max, humidity_min)
    return np.asarray((morning + afternoon) / 2)


def vapour_pressure_deficit(temperature: ArrayLike, humidity: ArrayLike) -> FloatArray:
    """How far the air is from saturation, kPa; 0 where the sensor reads above 100 %."""
    missing = saturation_vapour_pressure(temperature) - vapour_pressure(temperature, humidity)
    return np.asarray(np.maximum(missing, 0))


def dew_point(temperature: ArrayLike, humidity: ArrayLike) -> FloatArray:
    """°C, by the Magnus formula with the coefficients of Alduchov and Eskridge 1996 (17.625, 243.04 °C).

    Humidity above 100 % counts as 100; NaN where it is 0 or unknown.
    """
    celsius, percent = np.asarray(temperature, dtype=float), np.asarray(humidity, dtype=float)
    share = np.where(percent > 0, np.minimum(percent, 100), np.nan) / 100
    exponent = np.log(share) + 17.625 * celsius / (243.04 + celsius)
    return np.asarray(243.04 * exponent / (17.625 - exponent))


def dew_point_depression(temperature: ArrayLike, humidity: ArrayLike) -> FloatArray:
    """Temperature less dew point, °C; never negative."""
    depression = np.asarray(temperature, dtype=float) - dew_point(temperature, humidity)
    return np.asarray(np.maximum(depression, 0))
