"""Reference evapotranspiration ET0 of short grass: the Penman–Monteith equation of FAO-56."""

from __future__ import annotations

import numpy as np

from cloud.forecast.agromet.humidity import saturation_slope, saturation_vapour_pressure
from cloud.forecast.arrays import ArrayLike, FloatArray


def psychrometric_constant(altitude: float) -> float:
    """kPa/°C at `altitude` m above the sea. FAO-56 equations 7 and 8."""
    pressure = 101.3 * ((293 - 0.0065 * altitude) / 293) ** 5.26
    return float(0.665e-3 * pressure)


def et0_daily(
    *,
    net_radiation: ArrayLike,
    temperature_max: ArrayLike,
    temperature_min: ArrayLike,
    wind_2m: ArrayLike,
    vapour_pressure: ArrayLike,
    altitude: float,
    soil_heat: ArrayLike = 0.0,
) -> FloatArray:
    """ET0 of a day, mm. FAO-56 equation 6.

    Args:
        net_radiation: MJ/m²/d.
        temperature_max: °C.
        temperature_min: °C.
        wind_2m: Mean wind speed at 2 m, m/s.
        vapour_pressure: Mean actual vapour pressure, kPa.
        altitude: m.
        soil_heat: Heat flux into the soil, MJ/m²/d; about 0 for a day.
    """
    highest, lowest = np.asarray(temperature_max, dtype=float), np.asarray(temperature_min, dtype=float)
    mean = (highest + lowest) / 2
    saturation = (saturation_vapour_pressure(highest) + saturation_vapour_pressure(lowest)) / 2
    return _penman_monteith(
        available=np.asarray(net_radiation, dtype=float) - np.asarray(soil_heat, dtype=float),
        temperature=mean,
        wind=np.asarray(wind_2m, dtype=float),
        deficit=saturation - np.asarray(vapour_pressure, dtype=float),
        altitude=altitude,
        numerator=900.0,
    )


def et0_hourly(
    *,
    net_radiation: ArrayLike,
    temperature: ArrayLike,
    wind_2m: ArrayLike,
    vapour_pressure: ArrayLike,
    altitude: float,
    soil_heat: ArrayLike,
) -> FloatArray:
    """ET0 of an hour, mm. FAO-56 equation 53; arguments as for the day, per hour."""
    mean = np.asarray(temperature, dtype=float)
    return _penman_monteith(
        available=np.asarray(net_radiation, dtype=float) - np.asarray(soil_heat, dtype=float),
        temperature=mean,
        wind=np.asarray(wind_2m, dtype=float),
        deficit=saturation_vapour_pressure(mean) - np.asarray(vapour_pressure, dtype=float),
        altitude=altitude,
        numerator=37.0,
    )


def soil_heat_hourly(net_radiation: ArrayLike, daylight: ArrayLike) -> FloatArray:
    """Heat flux into the soil, MJ/m²/h: 0.1 of net radiation by day, 0.5 by night. Equations 45 and 46."""
    net = np.asarray(net_radiation, dtype=float)
    return np.where(np.asarray(daylight, dtype=bool), 0.1 * net, 0.5 * net)


def _penman_monteith(
    *,
    available: FloatArray,
    temperature: FloatArray,
    wind: FloatArray,
    deficit: FloatArray,
    altitude: float,
    numerator: float,
) -> FloatArray:
    slope, gamma = saturation_slope(temperature), psychrometric_constant(altitude)
    radiation_term = 0.408 * slope * available
    wind_term = gamma * numerator / (temperature + 273) * wind * deficit
    return np.asarray((radiation_term + wind_term) / (slope + gamma * (1 + 0.34 * wind)))
